/** Where Telegram gets a picture from: the web, its own store, or our bytes. */
import type { InputFile } from 'telegraf/types'
import type { Picture } from '#chat/screen.ts'
import { isWebLink } from './render.ts'

export type PictureSource = {
  /** Where Telegram can fetch our own pictures, e.g. `https://shop.example/pictures`; without it they are uploaded. */
  baseUrl?: string
  /** The PNG of one of our own pictures. */
  read(name: string): Promise<Buffer | undefined>
  /** What Telegram called it when it was uploaded by this bot. */
  remembered(name: string): Promise<string | undefined>
  remember(name: string, reference: string): Promise<void>
}

export type Pictures = {
  /** A URL or a file_id; undefined if there is neither. */
  reference(picture: Picture): Promise<string | undefined>
  /** The URL alone, for what takes no file_id. */
  url(picture: Picture): string | undefined
  /** The file_id alone. */
  fileId(picture: Picture): Promise<string | undefined>
  upload(picture: Picture): Promise<InputFile | undefined>
  /** Takes the file_id out of the message that the upload became. */
  remember(picture: Picture, sent: unknown): Promise<void>
}

export function createPictures(source: PictureSource): Pictures {
  const url = (picture: Picture): string | undefined => {
    if (isWebLink(picture)) return picture
    if (source.baseUrl === undefined) return undefined
    return `${source.baseUrl.replace(/\/$/, '')}/${picture.split('/').map(encodeURIComponent).join('/')}.png`
  }
  const fileId = async (picture: Picture) => (isWebLink(picture) ? undefined : source.remembered(picture))
  return {
    url,
    fileId,
    reference: async (picture) => url(picture) ?? (await fileId(picture)),
    async upload(picture) {
      if (isWebLink(picture)) return undefined
      const bytes = await source.read(picture)
      return bytes && { source: bytes, filename: 'picture.png' }
    },
    async remember(picture, sent) {
      const sizes = typeof sent === 'object' && sent !== null && 'photo' in sent ? sent.photo : undefined
      const largest: unknown = Array.isArray(sizes) ? sizes.at(-1) : undefined
      if (typeof largest !== 'object' || largest === null || !('file_id' in largest)) return
      if (typeof largest.file_id === 'string') await source.remember(picture, largest.file_id)
    },
  }
}
