/* Shows what a text would hide: control, bidirectional and zero-width characters become visible marks.
   A command that reads differently from what it does is the oldest trick; nothing here changes the text
   that is sent, only what is drawn. */

const isHidden = (code: number): boolean =>
  (code < 0x20 && code !== 0x0a && code !== 0x09) ||
  (code >= 0x7f && code <= 0x9f) ||
  code === 0xad ||
  code === 0x61c ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2060 && code <= 0x206f) ||
  code === 0xfeff ||
  (code >= 0xe0000 && code <= 0xe007f);

/** The text with every hidden character as its code point, such as ⟨U+202E⟩. */
export function visible(text: string): string {
  let shown = "";
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    shown += isHidden(code) ? `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩` : character;
  }
  return shown;
}
