import type { SessionFile } from '@outlast/sdk'

export function bytesOf({ content, encoding }: Pick<SessionFile, 'content' | 'encoding'>) {
  if (encoding !== 'base64') return new TextEncoder().encode(content ?? '')
  return Uint8Array.from(atob(content ?? ''), (char) => char.charCodeAt(0))
}

const imageTypes: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
}

/** Returns the media type of an image by file extension. Undefined for other files. */
export const imageTypeOf = (name: string) => imageTypes[name.split('.').at(-1)!.toLowerCase()]

const units = ['B', 'KB', 'MB', 'GB'] as const

export function sizeOf(bytes: number): string {
  const at = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10))
  const amount = bytes / 1024 ** at
  return `${at === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[at]}`
}

export const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'))
