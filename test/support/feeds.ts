/** Feeds as they arrive: in pieces of any size. */
import { Readable } from 'node:stream'
import type { FeedItem } from '#domain/feeds.ts'
import { readFeed } from '#gateways/feeds.ts'

/** @param chunk bytes of each piece. */
export function inPieces(content: string | Buffer, chunk = 1 << 20): Readable {
  const bytes = Buffer.from(content)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk))
  return Readable.from(chunks)
}

/** Everything that a feed of one file says. */
export async function readItems(content: string | Buffer, chunk?: number): Promise<FeedItem[]> {
  const items: FeedItem[] = []
  for await (const item of readFeed([inPieces(content, chunk)])) items.push(item)
  return items
}
