import { Modal, Table } from '@mantine/core'
import type { Budget, LedgerEntry } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { ledgerQuery } from '../queries/budgets.ts'
import { Ago } from '../shell/ago.tsx'
import { Empty, Failure } from '../shell/screen.tsx'
import { amountText } from './words.ts'

const kinds: Record<LedgerEntry['kind'], string> = {
  settle: 'Model call',
  top_up: 'Top-up',
  manual: 'Manual entry',
  period: 'New period',
}

type LedgerProps = { budget: Budget; label: string; close: () => void }

/** The newest entries of a budget. */
export function Ledger({ budget: { id, currency }, label, close }: LedgerProps) {
  const entries = useQuery(ledgerQuery(id))
  return (
    <Modal opened onClose={close} title={`Ledger of ${label}`} size="xl" centered>
      {entries.isError && <Failure error={entries.error} retry={entries.refetch} />}
      {entries.data?.length === 0 && <Empty title="No entries yet" />}
      {entries.data && entries.data.length > 0 && (
        <Table.ScrollContainer minWidth={480}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>When</Table.Th>
                <Table.Th>Entry</Table.Th>
                <Table.Th>Amount</Table.Th>
                <Table.Th>Reserved</Table.Th>
                <Table.Th>Reason</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.data.map((one) => (
                <EntryRow key={one.id} entry={one} currency={currency} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Modal>
  )
}

function EntryRow({ entry, currency }: { entry: LedgerEntry; currency: string }) {
  const { kind, amount, reserved, session_id, description, created_at } = entry
  return (
    <Table.Tr>
      <Table.Td>
        <Ago at={created_at} />
      </Table.Td>
      <Table.Td>
        {session_id ? (
          <Link to="/sessions/$sessionId" params={{ sessionId: session_id }}>
            {kinds[kind]}
          </Link>
        ) : (
          kinds[kind]
        )}
      </Table.Td>
      <Table.Td>{amountText(amount, currency)}</Table.Td>
      <Table.Td>{reserved === null ? '' : amountText(reserved, currency)}</Table.Td>
      <Table.Td>{description}</Table.Td>
    </Table.Tr>
  )
}
