/** `npm run sandbox`: the sandbox as a program of its own. It shares no configuration with the product, on purpose. */
import { startSandbox } from './sandbox.ts'

try {
  process.loadEnvFile()
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
const env = process.env
const parent = process.ppid
const port = Number(env['SANDBOX_PORT'] || 8080)
const paceSeconds = Number(env['SANDBOX_PACE'] || 10)
// Where the bot's web server listens: the same variable that it reads.
const webhooks = `http://127.0.0.1:${env['PORT'] || 3000}`

function quit(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

if (!Number.isInteger(port) || port < 0 || port > 65_535) quit('SANDBOX_PORT must be a port number')
if (!Number.isFinite(paceSeconds) || paceSeconds < 0) quit('SANDBOX_PACE must be a number of seconds')

try {
  const sandbox = await startSandbox({
    port,
    yookassaWebhookUrl: `${webhooks}/webhooks/yookassa`,
    cdekWebhookUrl: `${webhooks}/webhooks/cdek`,
    ...(paceSeconds > 0 ? { paceSeconds } : {}),
  })
  process.stdout.write(`Sandbox: ${sandbox.url}\n`)
  let isEnding = false
  const end = () => {
    if (isEnding) return
    isEnding = true
    void sandbox.close().then(() => process.exit(0))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  // npm hands a SIGTERM to the shell between it and us, and both die of it without a word.
  if (env['npm_lifecycle_event'] !== undefined) {
    setInterval(() => {
      if (process.ppid !== parent) end()
    }, 200).unref()
  }
} catch (error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') quit(`Port ${port} is taken: set SANDBOX_PORT to another one.`)
  quit(error instanceof Error ? error.message : String(error))
}
