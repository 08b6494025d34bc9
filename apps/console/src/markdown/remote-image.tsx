import { Button } from '@mantine/core'
import { useState } from 'react'

/**
 * An image that a model names. It is not loaded by itself: its address may carry to its host what the agent was made to put
 * there.
 */
export function RemoteImage({ address, name }: { address: string; name: string }) {
  const [state, setState] = useState<'asked' | 'shown' | 'broken'>('asked')
  const host = URL.canParse(address) ? new URL(address) : undefined
  if (host?.protocol !== 'https:') return <span className="broken">[Image: {name || address}]</span>
  if (state === 'broken')
    return <span className="broken">This image cannot be shown: {address}</span>
  if (state === 'asked') {
    return (
      <Button size="compact-xs" variant="default" onClick={() => setState('shown')} title={address}>
        Load the image {name && `“${name}” `}from {host.host}
      </Button>
    )
  }
  return (
    <img
      src={address}
      alt={name}
      className="attached"
      referrerPolicy="no-referrer"
      onError={() => setState('broken')}
    />
  )
}
