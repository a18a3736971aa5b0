/** What people ask shops about products, and what they were answered. */
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'

/** One decision at a time about how much a person asks. Held until the transaction ends. */
export async function lockAsker(db: Db, personId: number): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(4, ${personId}::int)`
}

/**
 * Asks a shop, unless `most` questions of this person wait for its answer already. Call under `lockAsker`.
 * @param requestKey a question that comes again with it is the one that was asked.
 */
export async function insertQuestion(
  db: Db,
  {
    productId,
    personId,
    text,
    requestKey,
    most,
  }: { productId: number; personId: number; text: string; requestKey: string; most: number },
  now: Date,
): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    WITH asked AS (SELECT id FROM product_question WHERE request_key = ${requestKey}),
    made AS (
      INSERT INTO product_question (product_id, person_id, text, asked_at, request_key)
      SELECT ${productId}, ${personId}, ${text}, ${now}, ${requestKey}
      WHERE NOT EXISTS (SELECT 1 FROM asked) AND ${most} > (
        SELECT count(*) FROM product_question q JOIN product p ON p.id = q.product_id
        WHERE q.person_id = ${personId} AND q.answer IS NULL
          AND p.seller_id = (SELECT seller_id FROM product WHERE id = ${productId}))
      RETURNING id)
    SELECT id FROM asked UNION ALL SELECT id FROM made`
  return row?.id
}

export type QuestionRow = {
  questionId: number
  productId: number
  title: Words
  isAdult: boolean
  sellerId: number
  sellerName: string
  personId: number
  askerName: string
  text: string
  askedAt: Date
  answer: string | null
  answeredById: number | null
  answererName: string | null
}

export async function findQuestion(db: Db, questionId: number): Promise<QuestionRow | undefined> {
  const [row] = await db.$queryRaw<QuestionRow[]>`
    SELECT q.id AS "questionId", q.product_id AS "productId", p.title, p.is_adult AS "isAdult",
      p.seller_id AS "sellerId", s.name AS "sellerName",
      q.person_id AS "personId", asker.first_name AS "askerName", q.text, q.asked_at AS "askedAt", q.answer,
      q.answered_by_id AS "answeredById", answerer.first_name AS "answererName"
    FROM product_question q JOIN product p ON p.id = q.product_id JOIN seller s ON s.id = p.seller_id
    JOIN person asker ON asker.id = q.person_id LEFT JOIN person answerer ON answerer.id = q.answered_by_id
    WHERE q.id = ${questionId}`
  return row
}

/**
 * Answers for a shop, once: of two people who answer at the same moment one is first.
 * @returns who asked; undefined when it was answered before, or is not for this person to answer.
 */
export async function saveAnswer(
  db: Db,
  { questionId, personId, text }: { questionId: number; personId: number; text: string },
  now: Date,
): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ askerId: number }[]>`
    UPDATE product_question q SET answer = ${text}, answered_by_id = ${personId}, answered_at = ${now}
    WHERE id = ${questionId} AND answer IS NULL AND EXISTS (
      SELECT 1 FROM product p JOIN seller_member m ON m.seller_id = p.seller_id
      WHERE p.id = q.product_id AND m.person_id = ${personId})
    RETURNING person_id AS "askerId"`
  return row?.askerId
}

type Page = { offset: number; limit: number }

/** What a shop has answered about a product, the latest first. Nobody's name is in it. */
export async function findAnswered(
  db: Db,
  productId: number,
  { offset, limit }: Page,
): Promise<{ total: number; rows: { questionId: number; text: string; answer: string }[] }> {
  const rows = await db.$queryRaw<{ questionId: number; text: string; answer: string; total: number }[]>`
    SELECT id AS "questionId", text, answer, count(*) OVER ()::int AS total FROM product_question
    WHERE product_id = ${productId} AND answer IS NOT NULL
    ORDER BY answered_at DESC, id DESC OFFSET ${offset} LIMIT ${limit}`
  return { total: rows[0]?.total ?? 0, rows }
}

export type OpenQuestion = { questionId: number; title: Words; askerName: string; text: string; askedAt: Date }

/** What a shop has not answered yet, the longest waiting first. */
export async function findUnanswered(
  db: Db,
  sellerId: number,
  { offset, limit }: Page,
): Promise<{ total: number; rows: OpenQuestion[] }> {
  const rows = await db.$queryRaw<(OpenQuestion & { total: number })[]>`
    SELECT q.id AS "questionId", p.title, a.first_name AS "askerName", q.text, q.asked_at AS "askedAt",
      count(*) OVER ()::int AS total
    FROM product p JOIN product_question q ON q.product_id = p.id AND q.answer IS NULL
    JOIN person a ON a.id = q.person_id
    WHERE p.seller_id = ${sellerId} ORDER BY q.asked_at, q.id OFFSET ${offset} LIMIT ${limit}`
  return { total: rows[0]?.total ?? 0, rows }
}
