import type { Language } from '#domain/people.ts'
import type { Db } from './db.ts'
import type { Prisma } from './prisma/client.ts'

export type Visit = {
  wasHandled: boolean
  person?: {
    personId: number
    language: Language
    timeZone: string
    step: string | null
    data: Prisma.JsonValue
    chatOpened: boolean
    unreachable: boolean
  }
}

/** Everything that is needed before an update can be handled, in one round trip: it runs for every tap. */
export async function findVisit(db: Db, messenger: string, externalId: string, updateId: string): Promise<Visit> {
  const [row] = await db.$queryRaw<
    {
      wasHandled: boolean
      personId: number | null
      language: Language
      timeZone: string
      step: string | null
      data: Prisma.JsonValue
      chatOpened: boolean
      unreachable: boolean
    }[]
  >`
    SELECT EXISTS (SELECT 1 FROM handled_update WHERE messenger = ${messenger} AND update_id = ${updateId}) AS "wasHandled",
      p.id AS "personId", p.language, p.time_zone AS "timeZone", d.step, d.data,
      i.chat_opened_at IS NOT NULL AS "chatOpened", i.unreachable_at IS NOT NULL AS "unreachable"
    FROM (VALUES (1)) one
    LEFT JOIN identity i ON i.messenger = ${messenger} AND i.external_id = ${externalId}
    LEFT JOIN person p ON p.id = i.person_id
    LEFT JOIN dialog d ON d.person_id = p.id AND d.messenger = ${messenger}`
  if (!row) throw new Error('the visit query returns one row')
  const { wasHandled, personId, ...rest } = row
  return personId === null ? { wasHandled } : { wasHandled, person: { personId, ...rest } }
}

/** Makes a person known. Two first updates at once make one person: the loser of the race finds the winner's. */
export async function createPerson(
  db: Db,
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

/** @param leftRef a message that shows another screen from now on: what it showed before is no longer kept up to date. */
export async function markHandled(
  db: Db,
  messenger: string,
  updateId: string,
  leftRef: string | null,
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    WITH gone AS (DELETE FROM live_card WHERE messenger = ${messenger} AND message_ref = ${leftRef})
    INSERT INTO handled_update (messenger, update_id, handled_at) VALUES (${messenger}, ${updateId}, ${now})
    ON CONFLICT DO NOTHING`
}

/** Messengers repeat an update for a day at most. */
export async function forgetHandledUpdates(db: Db, before: Date): Promise<number> {
  return db.$executeRaw`DELETE FROM handled_update WHERE handled_at < ${before}`
}

export async function saveDialog(
  db: Db,
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

export async function deleteDialog(db: Db, personId: number, messenger: string): Promise<void> {
  await db.dialog.deleteMany({ where: { personId, messenger } })
}

export async function saveLanguage(db: Db, personId: number, language: Language): Promise<void> {
  await db.person.update({ where: { id: personId }, data: { language } })
}

/** How a person is spoken to. */
export async function findReader(db: Db, personId: number): Promise<{ language: Language; timeZone: string }> {
  const row = await db.person.findUniqueOrThrow({
    where: { id: personId },
    select: { language: true, timeZone: true },
  })
  return { language: row.language as Language, timeZone: row.timeZone }
}

/** Where to write to a person: the reachable private chats, the most recently opened first. */
export async function findAddresses(db: Db, personId: number) {
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

export async function findRecipient(db: Db, personId: number): Promise<RecipientFields | null> {
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

export async function saveRecipient(db: Db, personId: number, fields: RecipientFields, now: Date): Promise<void> {
  const values = { ...fields, updatedAt: now }
  await db.recipient.upsert({ where: { personId }, create: { personId, ...values }, update: values })
}
