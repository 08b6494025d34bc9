import { Button } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { healthQuery } from '../queries/health.ts'
import { UnsentBanner } from './unsent-banner.tsx'

const againMs = 60_000

/** Notices that matter on every screen: no connection, or a page of another version. */
export function Banners() {
  const { online } = useNetwork()
  const health = useQuery({
    ...healthQuery,
    refetchInterval: againMs,
    refetchOnWindowFocus: true,
  })
  const isOld = health.data !== undefined && health.data.version !== __VERSION__
  return (
    <div role="status">
      {!online && (
        <div className="banner">You are offline. What is shown may be old until you are back.</div>
      )}
      <UnsentBanner />
      {isOld && (
        <div className="banner">
          <span>
            The server has another version now, {health.data.version}; this page is of {__VERSION__}
            .
          </span>
          <Button size="compact-xs" variant="default" onClick={() => location.reload()}>
            Reload
          </Button>
        </div>
      )}
    </div>
  )
}
