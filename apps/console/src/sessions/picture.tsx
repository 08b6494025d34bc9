import { useState } from 'react'
import { Icon } from '../shell/icon.tsx'

type ImagePart = {
  url?: string | null
  base64?: string | null
  media_type?: string | null
}

/** Only these are images that cannot do anything else. */
const imageTypes = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])

function sourceOf({ url, base64, media_type }: ImagePart): string | undefined {
  const type = media_type ?? 'image/png'
  if (base64) return imageTypes.has(type) ? `data:${type};base64,${base64}` : undefined
  return url?.startsWith('https://') ? url : undefined
}

/** An image of a message or a result. One that cannot be shown is told. */
export function Picture({ part, name = 'Image' }: { part: ImagePart; name?: string }) {
  const [isBroken, setBroken] = useState(false)
  const source = sourceOf(part)
  if (source === undefined || isBroken) {
    return (
      <div className="broken">
        <Icon name="close" /> This image cannot be shown{part.url ? `: ${part.url}` : '.'}
      </div>
    )
  }
  return (
    <img
      src={source}
      alt={name}
      className="attached"
      referrerPolicy="no-referrer"
      onError={() => setBroken(true)}
    />
  )
}
