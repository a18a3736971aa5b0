import type { Db } from './db.ts'

export type Synonym = { synonymId: number; word: string; means: string }

export async function findSynonyms(
  db: Db,
  sellerId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ synonyms: Synonym[]; total: number }> {
  const synonyms = await db.$queryRaw<Synonym[]>`
    SELECT id AS "synonymId", word, means FROM synonym WHERE seller_id = ${sellerId}
    ORDER BY word, id LIMIT ${limit} OFFSET ${offset}`
  return { synonyms, total: await countSynonyms(db, sellerId) }
}

export async function countSynonyms(db: Db, sellerId: number): Promise<number> {
  const [row] = await db.$queryRaw<{ total: number }[]>`
    SELECT count(*)::int AS total FROM synonym WHERE seller_id = ${sellerId}`
  return row?.total ?? 0
}

/** One of a shop's people after the other, to the end of the transaction: what is counted stays so. */
export async function lockSynonyms(db: Db, sellerId: number): Promise<void> {
  await db.$executeRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('synonyms:' || ${sellerId}::text, 0))`
}

/** @returns false when it was there. */
export async function insertSynonym(
  db: Db,
  sellerId: number,
  { word, means }: { word: string; means: string },
  now: Date,
): Promise<boolean> {
  const made = await db.$executeRaw`INSERT INTO synonym (seller_id, word, means, created_at)
    VALUES (${sellerId}, ${word}, ${means}, ${now}) ON CONFLICT DO NOTHING`
  return made === 1
}

/** @returns whose it was; undefined for people of other shops, and when it is gone. */
export async function deleteSynonym(db: Db, synonymId: number, personId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ sellerId: number }[]>`
    DELETE FROM synonym s USING seller_member m
    WHERE s.id = ${synonymId} AND m.seller_id = s.seller_id AND m.person_id = ${personId}
    RETURNING s.seller_id AS "sellerId"`
  return row?.sellerId
}
