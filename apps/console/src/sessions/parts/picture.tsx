import { Loader } from '@mantine/core'
import { isOutlastError } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { RemoteImage } from '../../markdown/remote-image.tsx'
import { imageQuery } from '../../queries/images.ts'
import { Icon } from '../../shell/controls/icon.tsx'

type ImagePart = {
  url?: string | null
  base64?: string | null
  media_type?: string | null
}

/** Image types without active content. */
const harmless = /^data:image\/(png|jpeg|gif|webp);base64,/

/** Returns the data URL of an embedded image. */
function sourceOf({ url, base64, media_type }: ImagePart): string | undefined {
  const source = base64 ? `data:${media_type ?? 'image/png'};base64,${base64}` : (url ?? '')
  return harmless.test(source) ? source : undefined
}

/** An image of a message or result. A remote image loads on request. */
export function Picture({ part, name = 'Image' }: { part: ImagePart; name?: string }) {
  const { url, base64 } = part
  const [isBroken, setBroken] = useState(false)
  const source = sourceOf(part)
  if (url && !base64 && !source) return <RemoteImage address={url} />
  if (!source || isBroken) return <BrokenPicture text="Image could not be displayed" />
  return <img src={source} alt={name} className="attached" onError={() => setBroken(true)} />
}

function BrokenPicture({ text }: { text: string }) {
  return (
    <div className="broken">
      <Icon name="close" /> {text}
    </div>
  )
}

/** An uploaded image, which may have been deleted. */
export function UploadedPicture({ id, name }: { id: string; name: string }) {
  const { data: blob, error } = useQuery(imageQuery(id))
  const [source, setSource] = useState<string>()
  useEffect(() => {
    if (!blob) return
    const url = URL.createObjectURL(blob)
    setSource(url)
    return () => URL.revokeObjectURL(url)
  }, [blob])
  if (error) {
    const isDeleted = isOutlastError(error, 'not_found')
    return <BrokenPicture text={`${name} ${isDeleted ? 'was deleted' : 'could not be loaded'}`} />
  }
  return source ? <img src={source} alt={name} className="attached" /> : <Loader size="sm" />
}
