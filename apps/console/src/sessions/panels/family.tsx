import { Anchor, Text } from '@mantine/core'
import type { Session } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { familyQuery, type SessionTree } from '../../queries/sessions.ts'
import { Icon } from '../../shell/controls/icon.tsx'
import { Failure } from '../../shell/screen/screen.tsx'
import { Ago } from '../../shell/text/ago.tsx'
import { escaped } from '../../shell/text/escapes.ts'

/** The source of a session, its forks and theirs, as a tree of links. */
export function Family({ session }: { session: Session }) {
  const { data, error, refetch } = useQuery(familyQuery(session.id))
  if (error) return <Failure error={error} retry={refetch} />
  if (!data || data.count === 1) return null
  return (
    <section className="family" aria-label="Forks">
      <Text component="h3" size="sm" fw={600}>
        Forks
      </Text>
      <ul>
        <Branch tree={data.root} current={session.id} />
      </ul>
      {data.isCut && (
        <Text size="xs" c="dimmed">
          More forks are not shown.
        </Text>
      )}
    </section>
  )
}

function Branch({ tree: { session, forks }, current }: { tree: SessionTree; current: string }) {
  const { id, title, preview, forked_from, superseded_by, created_at } = session
  const name = escaped(title ?? preview ?? 'No messages yet')
  return (
    <li>
      <span className="family-member" data-current={id === current}>
        {forked_from && <Icon name="fork" size={12} />}
        {id === current ? (
          <b aria-current="true">{name}</b>
        ) : (
          <Anchor
            size="sm"
            renderRoot={(props) => (
              <Link
                to="/sessions/$sessionId"
                params={{ sessionId: id }}
                search={{ panel: 'details' }}
                {...props}
              />
            )}
          >
            {name}
          </Anchor>
        )}
        <span className="family-about">
          {forked_from && `from event ${forked_from.sequence} · `}
          {superseded_by && 'superseded · '}
          <Ago at={created_at} />
        </span>
      </span>
      {forks.length > 0 && (
        <ul>
          {forks.map((fork) => (
            <Branch key={fork.session.id} tree={fork} current={current} />
          ))}
        </ul>
      )}
    </li>
  )
}
