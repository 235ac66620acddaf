// What terminals take as commands and a page only shows (ECMA-48): CSI sequences (colours, cursor), OSC, DCS, SOS, PM and APC
// strings up to their end, and the other two- and three-character escapes. A string without an end is none, so that
// nobody hides a line's rest in it.
const csi = '(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]'
const strings =
  '(?:\\u001b[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0007\\u001b\\u009c]*(?:\\u0007|\\u001b\\\\|\\u009c)'
const others = '\\u001b[ -/]*[0-Z\\\\`-~]'
const sequences = new RegExp(`${csi}|${strings}|${others}`, 'g')

// C0 but tab, DEL, C1; line and paragraph separators; what turns the direction of a text or hides in it (Unicode TR36, CVE-2021-42574).
const unseen =
  '[\\u0000-\\u0008\\u000a-\\u001f\\u007f-\\u009f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\ufeff\\ufff9-\\ufffb]'
const mayHold = new RegExp(unseen)
const each = new RegExp(unseen, 'g')

/**
 * A line that a program printed, as a page may show it: sequences for terminals are taken out, whatever else is not seen or
 * turns the direction of the text stands there as an escape (`\x07`, `\u202e`). Markup is none of its affair: it stays text.
 */
export function harmlessText(line: string): string {
  if (!mayHold.test(line)) return line
  return line.replace(/\r+$/, '').replace(sequences, '').replace(each, escaped)
}

/** The same for a text of several lines, whose ends stay. */
export const harmlessLines = (text: string): string => text.split('\n').map(harmlessText).join('\n')

function escaped(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}
