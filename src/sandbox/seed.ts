/** People and chats for the sandbox's first look: two friends, a shop's owner, a group and a channel. */

/** Acts through the sandbox's own door, as its people would; the shop is joined by its invitation. */
export async function seedSandbox(url: string, shops: readonly { name: string; invitation: string }[]): Promise<void> {
  const people = (await call('GET', '/sim/people')) as unknown[]
  if (people.length > 0) return
  const anna = await person('Anna', 'Анна', 'anna')
  const boris = await person('Boris', 'Борис', 'boris')
  const sofia = await person('Sofia', 'София', 'sofia')
  await call('POST', '/sim/chats', { type: 'supergroup', title: 'Друзья', members: [anna, boris], bot: 'none' })
  for (const from of [anna, boris]) await call('POST', '/sim/messages', { from, text: '/start' })
  const [shop] = shops
  if (!shop) return
  await call('POST', '/sim/messages', { from: sofia, text: `/start s_${shop.invitation}` })
  await untilAnswered(sofia)
  const channel = {
    type: 'channel',
    title: shop.name,
    username: 'vmeste_shop',
    members: [anna, boris],
    admins: [sofia],
  }
  await call('POST', '/sim/chats', { ...channel, bot: 'administrator' })

  async function person(key: string, name: string, username: string): Promise<number> {
    const made = (await call('POST', '/sim/people', { first_name: name, username, language_code: 'ru' })) as {
      id?: number
    }
    if (made.id === undefined) throw new Error(`the sandbox did not make ${key}`)
    return made.id
  }

  /** The channel is Sofia's shop's only once she has joined it. */
  async function untilAnswered(chat: number): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      const messages = (await call('GET', `/sim/chats/${chat}/messages`)) as { from?: { is_bot?: boolean } }[]
      if (messages.some((message) => message.from?.is_bot)) return
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(url + path, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`the sandbox refused ${method} ${path}: ${response.status}`)
    return response.json()
  }
}
