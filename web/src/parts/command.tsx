/* A command as text: mono, every hidden character visible, and a way to copy the exact bytes. */
import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { visible } from "./visible";
import { shortId } from "./words";

function useCopy(text: string): [boolean, () => Promise<void>] {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1_500);
    } catch {
      setDone(false);
    }
  };
  return [isDone, copy];
}

/** A button that copies a text. */
export function CopyButton({ text, name }: { text: string; name: string }) {
  const [isDone, copy] = useCopy(text);
  return (
    <button type="button" className="icon-button" aria-label={name} title={name} onClick={copy}>
      {isDone ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}

const MOST_WORDS = 400;

/** A command whose words stay whole where a line can hold them: a flag broken after its hyphen reads as another. */
export function Words({ text }: { text: string }) {
  const parts = text.split(/(\s+)/);
  if (parts.length > 2 * MOST_WORDS) return text;
  return parts.map((part, index) =>
    /\S/.test(part) ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: a word's place in the command is its identity.
      <span key={index} className="word">
        {part}
      </span>
    ) : (
      part
    ),
  );
}

/** A command on a line of its own, with a prompt sign. */
export function CommandBlock({ command, large = false }: { command: string; large?: boolean }) {
  return (
    <div className="command" data-large={large || undefined}>
      <span className="prompt" aria-hidden="true">
        $
      </span>
      <code>
        <Words text={visible(command)} />
      </code>
      <CopyButton text={command} name="Copy the command" />
    </div>
  );
}

/** A command inside a row, cut to the row. */
export function CommandLine({ command }: { command: string }) {
  const shown = visible(command);
  return (
    <code className="command-line" title={shown}>
      {shown}
    </code>
  );
}

/** An id, short, with the whole of it in the clipboard on a click. */
export function Id({ id }: { id: string }) {
  const [isDone, copy] = useCopy(id);
  return (
    <button type="button" className="id" title={`${id}: click to copy`} onClick={copy}>
      {isDone ? "copied" : shortId(id)}
    </button>
  );
}
