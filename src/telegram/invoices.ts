/** The question before an invoice is charged. Telegram waits ten seconds for the answer, so there always is one. */
import type { Front, Visitor } from '#chat/front.ts'
import type { Log } from './api.ts'
import { describeDefect } from './errors.ts'
import { plainText } from './render.ts'
import type { Post } from './send.ts'
import type { InvoiceAsked } from './update.ts'

/** The rest of the ten seconds is for the way to Telegram, and for the answer to be given again. */
const patienceMs = 8000

/**
 * Answers exactly once: with what `front` says, or after a defect or too long a wait with "not now". Never rejects: a
 * refusal costs nobody anything, and a repeated question would come too late.
 */
export async function answerInvoiceAsked(
  asked: InvoiceAsked,
  { front, post, token, log }: { front: Front; post: Post; token: string; log: Log },
): Promise<void> {
  const { sender, updateId, queryId, invoice } = asked
  const arrival = { sender, updateId: String(updateId) }
  let visitor: Visitor | undefined
  let answering: Promise<void> | undefined
  const answer = async (refusal: string | undefined) => (answering ??= post.answerInvoice(queryId, refusal))
  const notNow = () => {
    const { toast, message } = front.apology(visitor, sender, 'invoice')
    return answer(toast ?? plainText(message?.text ?? []))
  }
  const waiting = setTimeout(() => {
    log.error({ updateId }, 'a checkout took too long and was refused')
    void notNow()
  }, patienceMs)
  try {
    const begun = await front.begin(arrival, asked.opensChat)
    if (begun.handled) return
    visitor = begun.visitor
    await answer(await front.onInvoiceAsked(visitor, invoice))
    await front.finish(arrival)
  } catch (error) {
    log.error({ updateId, ...describeDefect(error, token) }, 'a checkout could not be looked at and was refused')
    await notNow()
  } finally {
    clearTimeout(waiting)
  }
}
