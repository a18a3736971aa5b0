/** What people write to each other about a product. */

/** Of a question and of an answer, in characters as people count them: a flag or a family is more than one. */
export const saidMax = 1000
/** Questions of one person to one shop that wait for an answer. */
export const openQuestionsMax = 5

export type Said = { ok: true; text: string } | { ok: false; reason: 'unclear' | 'too-long'; length: number }

/**
 * What was typed, as it is kept: without characters that cannot be seen and those that turn the direction of what stands
 * around it. Something without a letter or a digit says nothing.
 */
export function parseSaid(typed: string): Said {
  const text = typed
    // Half a character is none.
    .replaceAll(/\p{Surrogate}/gu, '')
    .replaceAll(/[\r\n\u2028\u2029]+/g, '\n')
    .replaceAll(/[\t\v\f\u00a0]/g, ' ')
    // Controls; marks and overrides of direction; what has no width and joins nothing.
    .replaceAll(/(?!\n)\p{Cc}|[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\uffff]/gu, '')
    .trim()
  const { length } = Array.from(text)
  if (!/[\p{L}\p{N}]/u.test(text)) return { ok: false, reason: 'unclear', length }
  return length > saidMax ? { ok: false, reason: 'too-long', length } : { ok: true, text }
}
