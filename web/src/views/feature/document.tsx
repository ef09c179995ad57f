/* The document panel beside a page: the text as it stands, the cited line marked. */
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import { Markdown, PlainText } from "../../parts/markdown";
import { ProblemNotice, Waiting } from "../../parts/notice";
import { documentQuery } from "../../wire/queries";

function DocumentText({ projectId, path, line }: { projectId: string; path: string; line: number }) {
  const document = useQuery(documentQuery(projectId, path));
  if (document.isPending) return <Waiting rows={8} />;
  if (document.isError) return <ProblemNotice error={document.error} retry={() => void document.refetch()} />;
  const { text, truncated } = document.data;
  return (
    <>
      {truncated && <p className="notice">Only the beginning is shown: the document is very long.</p>}
      {/\.(md|markdown|mdx)$/i.test(path) ? (
        <Markdown text={text} line={line} />
      ) : (
        <PlainText text={text} line={line} />
      )}
    </>
  );
}

export default function DocumentPanel({
  projectId,
  path,
  line,
  close,
}: {
  projectId: string;
  path: string;
  line: number;
  close: () => void;
}) {
  const head = useRef<HTMLHeadingElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another document moves the focus.
  useEffect(() => head.current?.focus({ preventScroll: true }), [path]);
  return (
    <aside className="panel" aria-label="Document">
      <header>
        <h2 className="mono cut" tabIndex={-1} ref={head} title={path}>
          {path}
          {line > 0 && <span className="quiet">:{line}</span>}
        </h2>
        <span className="grow" />
        <kbd>Esc</kbd>
        <button type="button" className="icon-button" aria-label="Close the document" onClick={close}>
          <X aria-hidden />
        </button>
      </header>
      <div className="panel-body">
        <DocumentText projectId={projectId} path={path} line={line} />
      </div>
    </aside>
  );
}
