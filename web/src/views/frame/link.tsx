/* What a browser without the cookie sees: how to come in. */
import { CommandBlock } from "../../parts/command";

export function LinkNeeded() {
  return (
    <main className="alone">
      <div className="card card-body stack">
        <h1>Open your link</h1>
        <p className="soft">
          This page is only for the person who started the workbench. Open the link that{" "}
          <code>workbench up</code> printed; it works once. For a new one, run:
        </p>
        <CommandBlock command="workbench status --link" />
      </div>
    </main>
  );
}
