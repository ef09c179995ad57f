/* All keys, on one sheet (?). */
import { X } from "lucide-react";
import { Dialog } from "radix-ui";

const KEYS: [string, string[][]][] = [
  [
    "Everywhere",
    [
      ["g h", "Home"],
      ["g f", "Features"],
      ["g r", "Runs"],
      ["g p", "Program"],
      ["g a", "Approvals"],
      ["g y", "Policy"],
      ["/", "Search this page"],
      ["Ctrl K", "Go anywhere"],
      ["?", "This sheet"],
    ],
  ],
  [
    "In a list",
    [
      ["j", "Next row"],
      ["k", "Previous row"],
      ["Enter", "Open"],
      ["Esc", "Back"],
    ],
  ],
  [
    "Decide",
    [
      ["r", "Review the next command"],
      ["n", "Start a command, from Home"],
      ["Enter", "Run it, in the review"],
      ["c", "Cancel the run"],
      ["a", "Approve"],
      ["d", "Deny"],
    ],
  ],
];

export function KeySheet({ close }: { close: () => void }) {
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog keysheet" aria-describedby={undefined}>
          <header>
            <Dialog.Title asChild>
              <h2>Keys</h2>
            </Dialog.Title>
            <span className="grow" />
            <Dialog.Close className="icon-button" aria-label="Close">
              <X aria-hidden />
            </Dialog.Close>
          </header>
          <div className="dialog-body keysheet-body">
            {KEYS.map(([group, keys]) => (
              <section key={group} className="stack tight">
                <h3>{group}</h3>
                <dl className="facts">
                  {keys.map(([key = "", does = ""]) => (
                    <div key={key} className="key-line">
                      <dt>
                        {key.split(" ").map((each) => (
                          <kbd key={each}>{each}</kbd>
                        ))}
                      </dt>
                      <dd>{does}</dd>
                    </div>
                  ))}
                </dl>
              </section>
            ))}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
