import { expect, test } from 'vitest'
import { migrate, migrationDrift } from '#store/migrate.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()

test('the migrations make exactly what the schema says', async () => {
  expect(await migrationDrift(database.url)).toBe('')
})

test('a column that the schema does not know is seen', async () => {
  await database.db.$executeRaw`ALTER TABLE person ADD COLUMN extra int`
  try {
    expect(await migrationDrift(database.url)).toContain('DROP COLUMN "extra"')
  } finally {
    await database.db.$executeRaw`ALTER TABLE person DROP COLUMN extra`
  }
})

test('applying the migrations again changes nothing', async () => {
  expect(await migrate(database.url)).toEqual([])
})

test('a formed group that is not full is refused by the database itself', async () => {
  await expect(
    database.db
      .$executeRaw`INSERT INTO "group" (token, campaign_id, variant_id, leader_id, state, size, price, currency,
      taken_seats, paid_seats, deadline_at, created_at, closed_at)
      VALUES ('t', 1, 1, 1, 'formed', 3, 100, 'RUB', 2, 2, now() + interval '1 day', now(), now())`,
  ).rejects.toThrow(/group_formed_means_enough/)
})
