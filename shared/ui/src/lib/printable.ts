// Controls, line ends, and characters without a shape that reorder or hide text; the joiner inside an emoji is none of them.
const hidden = /(?!\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** Text of an agent's or another program's making, in one line and with nothing in it that could pose as something else. */
export const printable = (text: string): string =>
  text
    .replace(hidden, (character) => (/\s/.test(character) ? ' ' : '\ufffd'))
    .replace(/ {2,}/g, ' ')
    .trim()
