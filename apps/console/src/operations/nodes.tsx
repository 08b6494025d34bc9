import { Button } from '@mantine/core'
import type { Worker } from '@outlast/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { Ago } from '../shell/ago.tsx'
import { Confirm, Refusal } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

/** The processes of this server. All organizations share them, so only operators see them. */
export function Nodes() {
  const workers = useQuery({
    queryKey: ['workers'],
    queryFn: async ({ signal }) => (await outlast.workers.list({}, { signal })).data,
    refetchInterval: ({ state }) => (state.error ? false : 3_000),
  })
  if ((workers.error as { status?: number } | null)?.status === 403) {
    return (
      <Empty title="Nodes are for operators.">
        All organizations share them: administrators of the default organization see them here.
      </Empty>
    )
  }
  return (
    <>
      {workers.isError && <Failure error={workers.error} retry={workers.refetch} />}
      <ul className="entries scroll" aria-label="Nodes">
        {workers.data?.map((one) => (
          <Node key={one.id} node={one} />
        ))}
      </ul>
    </>
  )
}

const stateOf = ({ alive, draining }: Worker): [StateKind, string] =>
  alive ? (draining ? ['warn', 'draining'] : ['good', 'alive']) : ['bad', 'gone']

function Node({ node }: { node: Worker }) {
  const { id, role, version, slots, used_slots, alive, draining, lease_until, started_at } = node
  const [isAsking, setAsking] = useState(false)
  const client = useQueryClient()
  const readAnew = () => client.invalidateQueries({ queryKey: ['workers'] })
  const resume = useMutation({ mutationFn: () => outlast.workers.resume(id), onSuccess: readAnew })
  const [kind, word] = stateOf(node)
  return (
    <>
      <Entry
        label={id}
        name={
          <>
            <code>{id}</code>
            <State kind={kind}>{word}</State>
          </>
        }
        about={
          <>
            {role} · version {version} · {used_slots} of {slots} slots in use · lease until{' '}
            {new Date(lease_until).toLocaleTimeString('en-GB')} · started <Ago at={started_at} />
          </>
        }
        side={
          alive &&
          (draining ? (
            <Button
              size="xs"
              variant="default"
              loading={resume.isPending}
              onClick={() => resume.mutate()}
            >
              Resume
            </Button>
          ) : (
            <Button size="xs" variant="default" onClick={() => setAsking(true)}>
              Drain
            </Button>
          ))
        }
        below={resume.isError && <Refusal error={resume.error} />}
      />
      {isAsking && (
        <Confirm
          title={`Drain ${id}?`}
          verb="Drain"
          close={() => setAsking(false)}
          act={async () => {
            await outlast.workers.drain(id)
            readAnew()
          }}
        >
          It takes no new turn; those that it runs go on. When it is the only node, new turns wait
          until it is resumed.
        </Confirm>
      )}
    </>
  )
}
