import type { Language } from '#domain/people.ts'
import { together, type Client, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type Visit = {
  wasHandled: boolean
  /** The pressed message shows something that it is edited for when that changes. */
  pressedCard: boolean
  person?: {
    personId: number
    language: Language
    timeZone: string
    step: string | null
    data: Prisma.JsonValue
    chatOpened: boolean
    unreachable: boolean
    /** Where their parcels go, once they said so. */
    city: City | null
    /** They said that they are eighteen. */
    isAdult: boolean
  }
}

export type City = Pick<RecipientFields, 'cityCode' | 'cityName'>

type VisitRow = Omit<NonNullable<Visit['person']>, 'personId' | 'city'> & {
  wasHandled: boolean
  pressedCard: boolean
  personId: number | null
  cityCode: number | null
  cityName: string
}

/** Under load updates begin together, and so ask together most of what follows (DECISIONS 43). */
const windowMs = 5

type Caller = { messenger: string; externalId: string; updateId: string; pressedRef: string | null }

/**
 * Everything that is needed before an update can be handled, in one round trip or less: it runs for every tap.
 * @param pressedRef the message whose button was pressed.
 */
export async function findVisit(
  db: Db,
  messenger: string,
  externalId: string,
  updateId: string,
  pressedRef: string | null = null,
): Promise<Visit> {
  const row = await visits(db, { messenger, externalId, updateId, pressedRef })
  const { wasHandled, pressedCard, personId, cityCode, cityName, ...rest } = row
  const city = cityCode === null ? null : { cityCode, cityName }
  const found = { wasHandled, pressedCard }
  return personId === null ? found : { ...found, person: { personId, city, ...rest } }
}

/** Counts rather than asking EXISTS, which PostgreSQL answers by reading the whole table into a hash. */
const visits = together(
  async (db, callers: Caller[]) =>
    db.$queryRaw<VisitRow[]>(Prisma.sql`
    SELECT (
        SELECT count(*) FROM handled_update h WHERE h.messenger = one.messenger AND h.update_id = one.update_id
      ) > 0 AS "wasHandled",
      (
        SELECT count(*) FROM live_card c WHERE c.messenger = one.messenger AND c.message_ref = one.pressed_ref
      ) > 0 AS "pressedCard",
      p.id AS "personId", p.language, p.time_zone AS "timeZone", d.step, d.data,
      i.chat_opened_at IS NOT NULL AS "chatOpened", i.unreachable_at IS NOT NULL AS "unreachable",
      r.city_code AS "cityCode", r.city_name AS "cityName", p.adult_at IS NOT NULL AS "isAdult"
    FROM unnest(
        (SELECT ${callers.map(({ messenger }) => messenger)}::text[]),
        (SELECT ${callers.map(({ externalId }) => externalId)}::text[]),
        (SELECT ${callers.map(({ updateId }) => updateId)}::text[]),
        (SELECT ${callers.map(({ pressedRef }) => pressedRef)}::text[])
      ) WITH ORDINALITY one (messenger, external_id, update_id, pressed_ref, place)
    LEFT JOIN identity i ON i.messenger = one.messenger AND i.external_id = one.external_id
    LEFT JOIN person p ON p.id = i.person_id
    LEFT JOIN dialog d ON d.person_id = p.id AND d.messenger = one.messenger
    LEFT JOIN recipient r ON r.person_id = p.id
    ORDER BY one.place`),
  { windowMs },
)

/** Makes a person known. Two first updates at once make one person: the loser of the race finds the winner's. */
export async function createPerson(
  db: Client,
  who: { messenger: string; externalId: string; firstName: string; username: string | null; language: Language },
  now: Date,
): Promise<number> {
  const [made] = await db.$queryRaw<{ personId: number; isKnown: boolean }[]>`
    WITH p AS (
      INSERT INTO person (first_name, language, created_at)
      SELECT ${who.firstName}, ${who.language}, ${now}
      WHERE NOT EXISTS (SELECT 1 FROM identity WHERE messenger = ${who.messenger} AND external_id = ${who.externalId})
      RETURNING id),
    i AS (
      INSERT INTO identity (messenger, external_id, person_id, username)
      SELECT ${who.messenger}, ${who.externalId}, p.id, ${who.username} FROM p
      ON CONFLICT (messenger, external_id) DO NOTHING RETURNING person_id)
    SELECT p.id AS "personId", i.person_id IS NULL AS "isKnown" FROM p LEFT JOIN i ON true`
  if (made && !made.isKnown) return made.personId
  if (made) await db.person.delete({ where: { id: made.personId } })
  const found = await db.identity.findUniqueOrThrow({
    where: { messenger_externalId: { messenger: who.messenger, externalId: who.externalId } },
  })
  return found.personId
}

/** They wrote to us in private: we may write back, and a block is over. */
export async function markReachable(db: Db, messenger: string, externalId: string, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE identity SET unreachable_at = NULL, chat_opened_at = coalesce(chat_opened_at, ${now})
    WHERE messenger = ${messenger} AND external_id = ${externalId}`
}

export async function markUnreachable(db: Db, messenger: string, externalId: string, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE identity SET unreachable_at = ${now} WHERE messenger = ${messenger} AND external_id = ${externalId}`
}

/**
 * Resolves when it is written for good.
 * @param leftRef a message that shows another screen from now on: what it showed before is no longer kept up to date.
 */
export async function markHandled(
  db: Db,
  messenger: string,
  updateId: string,
  leftRef: string | null,
  now: Date,
): Promise<void> {
  await handled(db, { messenger, updateId, leftRef, now })
}

type Handled = { messenger: string; updateId: string; leftRef: string | null; now: Date }

/** In the order of their ids, so that two processes that were given the same updates cannot wait for each other. */
const handled = together(async (db, updates: Handled[]) => {
  await db.$executeRaw`
    WITH one AS MATERIALIZED (
      SELECT * FROM unnest(
        ${updates.map(({ messenger }) => messenger)}::text[], ${updates.map(({ updateId }) => updateId)}::text[],
        ${updates.map(({ leftRef }) => leftRef)}::text[], ${updates.map(({ now }) => now.toISOString())}::timestamptz[]
      ) one (messenger, update_id, left_ref, handled_at)),
    gone AS (DELETE FROM live_card c USING one WHERE c.messenger = one.messenger AND c.message_ref = one.left_ref)
    INSERT INTO handled_update (messenger, update_id, handled_at)
    SELECT messenger, update_id, handled_at FROM one ORDER BY messenger, update_id
    ON CONFLICT DO NOTHING`
  return updates.map(() => undefined)
})

/** Messengers repeat an update for a day at most. */
export async function forgetHandledUpdates(db: Db, before: Date): Promise<number> {
  return db.$executeRaw`DELETE FROM handled_update WHERE handled_at < ${before}`
}

export async function saveDialog(
  db: Client,
  personId: number,
  messenger: string,
  step: string,
  data: Prisma.InputJsonValue,
  now: Date,
): Promise<void> {
  const key = { personId, messenger }
  const values = { step, data, updatedAt: now }
  await db.dialog.upsert({ where: { personId_messenger: key }, create: { ...key, ...values }, update: values })
}

export async function deleteDialog(db: Client, personId: number, messenger: string): Promise<void> {
  await db.dialog.deleteMany({ where: { personId, messenger } })
}

export async function saveLanguage(db: Client, personId: number, language: Language): Promise<void> {
  await db.person.update({ where: { id: personId }, data: { language } })
}

/** They said that they are eighteen: kept from the first time on. */
export async function saveAdult(db: Db, personId: number, now: Date): Promise<void> {
  await db.$executeRaw`UPDATE person SET adult_at = coalesce(adult_at, ${now}) WHERE id = ${personId}`
}

export async function findIsAdult(db: Db, personId: number): Promise<boolean> {
  const [row] = await db.$queryRaw<{ isAdult: boolean }[]>`
    SELECT adult_at IS NOT NULL AS "isAdult" FROM person WHERE id = ${personId}`
  return row?.isAdult === true
}

export async function saveTimeZone(db: Db, personId: number, timeZone: string): Promise<void> {
  await db.$executeRaw`UPDATE person SET time_zone = ${timeZone} WHERE id = ${personId}`
}

/** How a person is spoken to. */
export async function findReader(db: Client, personId: number): Promise<{ language: Language; timeZone: string }> {
  const row = await db.person.findUniqueOrThrow({
    where: { id: personId },
    select: { language: true, timeZone: true },
  })
  return { language: row.language as Language, timeZone: row.timeZone }
}

/** Where to write to a person: the reachable private chats, the most recently opened first. */
export async function findAddresses(db: Client, personId: number) {
  return db.identity.findMany({
    where: { personId, unreachableAt: null, chatOpenedAt: { not: null } },
    orderBy: { chatOpenedAt: 'desc' },
    select: { messenger: true, externalId: true },
  })
}

export type RecipientFields = {
  name: string
  phone: string
  cityCode: number
  cityName: string
  pickupPointCode: string
  pickupPointText: string
}

export async function findRecipient(db: Client, personId: number): Promise<RecipientFields | null> {
  return db.recipient.findUnique({
    where: { personId },
    select: {
      name: true,
      phone: true,
      cityCode: true,
      cityName: true,
      pickupPointCode: true,
      pickupPointText: true,
    },
  })
}

export async function saveRecipient(db: Client, personId: number, fields: RecipientFields, now: Date): Promise<void> {
  const values = { ...fields, updatedAt: now }
  await db.recipient.upsert({ where: { personId }, create: { personId, ...values }, update: values })
}
