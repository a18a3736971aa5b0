/**
 * Generates the Prisma client after `npm ci`, without any download.
 *
 * Prisma's CLI fetches a native schema engine at first use although `generate` never runs it;
 * pointing the variable at any existing file satisfies the check, so a closed network is enough.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const cli = join(dirname(createRequire(import.meta.url).resolve('prisma/package.json')), 'build/index.js')
const { status } = spawnSync(process.execPath, [cli, 'generate', '--config', 'prisma/prisma.config.ts'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: {
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
    ...process.env,
  },
})
process.exit(status ?? 1)
