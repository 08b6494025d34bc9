import { Button } from '@mantine/core'
import { useState } from 'react'

/** Maximum length of a URL on the screen. A URL may be as long as an image. */
const shownMax = 300

/**
 * A remote image of a message or a model. It loads on request only: its URL can leak data that an
 * attacker made the agent include, and the request reveals the reader to the host.
 */
export function RemoteImage({ address, name = '' }: { address: string; name?: string }) {
  const [state, setState] = useState<'asked' | 'shown' | 'broken'>('asked')
  const host = URL.canParse(address) ? new URL(address) : undefined
  const short = address.slice(0, shownMax)
  if (host?.protocol !== 'https:') return <span className="broken">[Image: {name || short}]</span>
  if (state === 'broken')
    return <span className="broken">Image could not be displayed: {short}</span>
  if (state === 'asked') {
    return (
      <Button size="compact-xs" variant="default" onClick={() => setState('shown')} title={short}>
        Load image {name && `“${name}” `}from {host.host}
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
