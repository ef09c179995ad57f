/* Reads server-sent events out of text as it arrives. Pure: the same pieces give the same messages,
   however they were cut. Format: https://html.spec.whatwg.org/multipage/server-sent-events.html */

export interface Message {
  id: string | null;
  event: string;
  data: string;
}

export interface Reader {
  rest: string;
  id: string | null;
  event: string;
  data: string[];
}

export const newReader = (): Reader => ({ rest: "", id: null, event: "", data: [] });

/** The messages that a further piece of text completes, and the reader for the piece after it. */
export function readPiece(reader: Reader, piece: string): [Reader, Message[]] {
  const messages: Message[] = [];
  const text = reader.rest + piece;
  // A carriage return at the end may be half of a CRLF: it waits for the next piece.
  const held = text.endsWith("\r") ? 1 : 0;
  const lines = text.slice(0, text.length - held).split(/\r\n|\n|\r/);
  const rest = (lines.pop() ?? "") + text.slice(text.length - held);
  let { id, event, data } = reader;
  for (const line of lines) {
    if (line === "") {
      if (data.length > 0) messages.push({ id, event: event || "message", data: data.join("\n") });
      event = "";
      data = [];
      continue;
    }
    if (line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "event") event = value;
    else if (field === "data") data = [...data, value];
  }
  return [{ rest, id, event, data }, messages];
}
