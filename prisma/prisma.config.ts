import { defineConfig } from 'prisma/config'

// See generate.mjs: satisfies the CLI's check for an engine that it does not need.
process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ??= process.execPath

export default defineConfig({
  schema: 'schema',
  migrations: { path: 'migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? 'postgresql://unused' },
})
