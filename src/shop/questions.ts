/** Questions to a shop about its goods, and its answers. */
import { openQuestionsMax } from '#domain/questions.ts'
import type { Words } from '#domain/people.ts'
import { findProduct } from '#store/catalog.ts'
import { inTransaction, type Client } from '#store/db.ts'
import { notify, notifyAll } from '#store/notifications.ts'
import {
  findAnswered,
  findQuestion,
  findUnanswered,
  insertQuestion,
  lockAsker,
  saveAnswer,
  type OpenQuestion,
  type QuestionRow,
} from '#store/questions.ts'
import { findMembers, isMember } from '#store/sellers.ts'

export type { OpenQuestion, QuestionRow }

export type AskResult = { ok: true } | { ok: false; reason: 'not-found' | 'too-many-questions' }

/** @param text as `parseSaid` of domain/questions lets it through. */
export async function askShop(
  db: Client,
  {
    productId,
    personId,
    text,
    requestKey,
    now,
  }: { productId: number; personId: number; text: string; requestKey: string; now: Date },
): Promise<AskResult> {
  const product = await findProduct(db, productId, now)
  if (!product || product.withdrawn) return { ok: false, reason: 'not-found' }
  return inTransaction(db, async (tx) => {
    await lockAsker(tx, personId)
    const questionId = await insertQuestion(
      tx,
      { productId, personId, text, requestKey: `${personId}:${requestKey}`, most: openQuestionsMax },
      now,
    )
    if (questionId === undefined) return { ok: false as const, reason: 'too-many-questions' as const }
    const notice = { kind: 'question-asked', data: { questionId } } as const
    await notifyAll(tx, await findMembers(tx, product.sellerId), `question:${questionId}:asked:`, notice, now)
    return { ok: true as const }
  })
}

/** As the shop's people may see it. @returns undefined for people of other shops. */
export async function questionForShop(
  db: Client,
  questionId: number,
  personId: number,
): Promise<QuestionRow | undefined> {
  const question = await findQuestion(db, questionId)
  return question && (await isMember(db, question.sellerId, personId)) ? question : undefined
}

/** As who asked it may see it. @returns undefined for anybody else. */
export async function ownQuestion(db: Client, questionId: number, personId: number): Promise<QuestionRow | undefined> {
  const question = await findQuestion(db, questionId)
  return question?.personId === personId ? question : undefined
}

export type AnswerResult =
  | { ok: true; question: QuestionRow }
  | { ok: false; reason: 'not-found' }
  | { ok: false; reason: 'answered'; question: QuestionRow }

/** Answers for the shop, if nobody has yet; the answer and the message that brings it are one transaction. */
export async function answerQuestion(
  db: Client,
  { questionId, personId, text, now }: { questionId: number; personId: number; text: string; now: Date },
): Promise<AnswerResult> {
  await inTransaction(db, async (tx) => {
    const askerId = await saveAnswer(tx, { questionId, personId, text }, now)
    if (askerId === undefined) return
    const notice = { kind: 'question-answered', data: { questionId } } as const
    await notify(tx, askerId, `question:${questionId}:answered`, notice, now)
  })
  const question = await questionForShop(db, questionId, personId)
  if (!question) return { ok: false, reason: 'not-found' }
  // The same answer once more is an update that came again.
  const isOwn = question.answeredById === personId && question.answer === text
  return isOwn ? { ok: true, question } : { ok: false, reason: 'answered', question }
}

export type AnsweredPage = {
  productId: number
  title: Words
  isAdult: boolean
  sellerName: string
  total: number
  questions: { questionId: number; text: string; answer: string }[]
}

/** What others asked about a product. @returns undefined for a product that is not on sale. */
export async function answeredAbout(
  db: Client,
  productId: number,
  page: { offset: number; limit: number },
  now: Date,
): Promise<AnsweredPage | undefined> {
  const [product, { total, rows }] = await Promise.all([
    findProduct(db, productId, now),
    findAnswered(db, productId, page),
  ])
  if (!product || product.withdrawn) return undefined
  const { title, isAdult, sellerName } = product
  return { productId, title, isAdult, sellerName, total, questions: rows }
}

/** What a shop has not answered yet. @returns undefined for people who are not of that shop. */
export async function unansweredOf(
  db: Client,
  sellerId: number,
  personId: number,
  page: { offset: number; limit: number },
): Promise<{ total: number; questions: OpenQuestion[] } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  const { total, rows } = await findUnanswered(db, sellerId, page)
  return { total, questions: rows }
}
