import { expect, onTestFinished, test } from 'vitest'
import { descendantsOf, isAlive, spawnChild, until } from '../flows/child.ts'

test('`npm run sandbox` serves, and a SIGTERM to npm ends the sandbox, too', async () => {
  const npm = spawnChild('npm', ['run', 'sandbox'], { SANDBOX_PORT: '0', SANDBOX_PACE: '0' })
  const url = await until('the sandbox is up', () => /^Sandbox: (\S+)$/m.exec(npm.out())?.[1])
  const started = descendantsOf(npm.pid)
  onTestFinished(() => {
    for (const pid of started) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  expect((await fetch(`${url}/sim/people`)).status).toBe(200)
  npm.process.kill('SIGTERM')
  await until('the sandbox has ended, too', () => !started.some(isAlive), 10_000)
})
