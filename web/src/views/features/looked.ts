/* Takes the server's reason for an empty list apart, so that it reads as a list. */

export interface Looked {
  found: string;
  places: string[];
}

/** "no documents; looked for: A; B; what could not be read: 2" as the finding and the places looked at.
    A reason of another shape stays whole. */
export function lookedFor(reason: string): Looked {
  const [found = "", places] = reason.split("; looked for: ", 2);
  return {
    found,
    places: (places ?? "")
      .split("; ")
      .filter((place) => place && !place.startsWith("what could not be read")),
  };
}
