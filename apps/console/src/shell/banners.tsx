import { Button } from '@mantine/core'
import { useNetwork } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { healthQuery } from '../queries/health.ts'
import { CodeBanner } from './code-banner.tsx'
import { UnsentBanner } from './unsent-banner.tsx'

const againMs = 60_000

/** Notices on every screen: offline, unsent messages, or a new server version. */
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
      {!online && <div className="banner">You are offline. This page may be out of date.</div>}
      <UnsentBanner />
      {health.data?.development && <CodeBanner />}
      {isOld && (
        <div className="banner">
          <span>
            The server now runs version {health.data.version}. This page is version {__VERSION__}.
          </span>
          <Button size="compact-xs" variant="default" onClick={() => location.reload()}>
            Reload page
          </Button>
        </div>
      )}
    </div>
  )
}
