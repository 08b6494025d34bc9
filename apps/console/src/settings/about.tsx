import { useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { healthQuery } from '../queries/health.ts'
import { Failure } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'

const modes: Record<string, string> = {
  none: 'Off (none). Every client that can reach this port has full access.',
  admin: 'Administrator (admin). One account from the server settings. Programs use API keys.',
  full: 'Accounts (full). Users have their own accounts. Programs use API keys.',
}

/** Version and configuration of the server. */
export function About() {
  const health = useQuery(healthQuery)
  if (health.isError) return <Failure error={health.error} retry={health.refetch} />
  if (!health.data) return <Skeleton of="text" />
  const { version, auth_mode, database, status } = health.data
  return (
    <section className="section">
      <h2>This server</h2>
      <dl className="facts-list">
        <dt>Version</dt>
        <dd>{version}</dd>
        <dt>Status</dt>
        <dd>
          {status}, database {database}
        </dd>
        <dt>Authentication</dt>
        <dd>{modes[auth_mode.toLowerCase()] ?? auth_mode}</dd>
        <dt>Address</dt>
        <dd>{outlast.url}</dd>
        <dt>API</dt>
        <dd>
          <a href="/docs">/docs</a>
        </dd>
      </dl>
    </section>
  )
}
