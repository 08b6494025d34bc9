import { Button } from '@mantine/core'
import { useState } from 'react'

/** Shown until dismissed: a database failover may have lost the latest events. */
export function LossNotice({ losses }: { losses: number }) {
  const [read, setRead] = useState(0)
  if (losses === read) return null
  return (
    <div className="offline" role="status">
      The server lost recent events. The conversation was reloaded.{' '}
      <Button size="compact-xs" variant="default" onClick={() => setRead(losses)}>
        Dismiss
      </Button>
    </div>
  )
}
