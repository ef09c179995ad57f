/* Who may decide what is held, and whether whoever looks may: the server's words. Why not is in the notice
   beside the buttons. */
import { visible } from "../../parts/visible";
import type { ApprovalOut } from "../../wire/schema";

export function Deciders({ approval }: { approval: ApprovalOut }) {
  const { deciders } = approval;
  if (!deciders) return null;
  return (
    <p className="soft" role="note" aria-label="Who may decide">
      {visible(deciders.text)} <strong>{deciders.you}</strong>
    </p>
  );
}
