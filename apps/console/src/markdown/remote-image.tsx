import { Button } from '@mantine/core'
import { useState } from 'react'

/** Of an address, which may be as long as an image. */
const shownMax = 300

/**
 * An image that a message or a model names. It is not loaded by itself: its address may carry to
 * its host what the agent was made to put there, and says who looks at it.
 */
export function RemoteImage({ address, name = '' }: { address: string; name?: string }) {
  const [state, setState] = useState<'asked' | 'shown' | 'broken'>('asked')
  const host = URL.canParse(address) ? new URL(address) : undefined
  const short = address.slice(0, shownMax)
  if (host?.protocol !== 'https:') return <span className="broken">[Image: {name || short}]</span>
  if (state === 'broken') return <span className="broken">This image cannot be shown: {short}</span>
  if (state === 'asked') {
    return (
      <Button size="compact-xs" variant="default" onClick={() => setState('shown')} title={short}>
        Load the image {name && `“${name}” `}from {host.host}
      </Button>
    )
  }
  return (
    <img
      src={address}
      alt={name || 'Image'}
      className="attached"
      referrerPolicy="no-referrer"
      onError={() => setState('broken')}
    />
  )
}
