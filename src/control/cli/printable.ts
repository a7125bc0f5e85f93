/**
 * Names that clients chose must not move the cursor of a terminal, or turn what is printed round.
 */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`)
