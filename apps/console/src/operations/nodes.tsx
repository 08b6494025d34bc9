import type { Worker } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { statusOf } from '../errors.ts'
import { workerKeys } from '../queries/keys.ts'
import { workersQuery } from '../queries/workers.ts'
import { ActButton, AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Refusal } from '../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

/** The processes of this server. All organizations share them, so only operators see them. */
export function Nodes() {
  const workers = useQuery(workersQuery)
  if (statusOf(workers.error) === 403) {
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
  const readAnew = () => invalidate(workerKeys.all)
  const resume = useMutation({ mutationFn: () => outlast.workers.resume(id), onSuccess: readAnew })
  const [kind, word] = stateOf(node)
  return (
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
          <ActButton act={resume}>Resume</ActButton>
        ) : (
          <AskButton
            say="Drain"
            title={`Drain ${id}?`}
            act={async () => {
              await outlast.workers.drain(id)
              readAnew()
            }}
          >
            It takes no new turn; those that it runs go on. When it is the only node, new turns wait
            until it is resumed.
          </AskButton>
        ))
      }
      below={resume.isError && <Refusal error={resume.error} />}
    />
  )
}
