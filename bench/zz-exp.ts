import { createAgent, openClient } from './client.ts'
import { measureCrowd } from './crowd.ts'
import { queryRows } from './database.ts'
import { median } from './figures.ts'
const [url, database, clientsText, runsText] = process.argv.slice(2) as [string, string, string, string]
const clients = Number(clientsText)
const agentId = await createAgent(url)
const add = `insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
values ('org_00000000000000000000000000000001', 'bdgt_1', 'organization', 'org_00000000000000000000000000000001', 'tokens', 1e15) on conflict do nothing`
const measure = async (has: boolean) => {
  await queryRows(database, has ? add : `delete from budgets`)
  return (await measureCrowd(() => openClient(url, agentId), { clients, forMs: 2500 })).perSecond
}
await measure(true)
const ratios: number[] = [], a: number[] = [], b: number[] = []
for (let run = 0; run < Number(runsText); run++) {
  const first = await measure(run % 2 === 0)
  const second = await measure(run % 2 === 1)
  const [w, n] = run % 2 === 0 ? [first, second] : [second, first]
  a.push(w); b.push(n); ratios.push(w / n)
}
const sum = (x: number[]) => x.reduce((p, q) => p + q, 0)
console.log(`${clients} clients: with ${median(a).toFixed(0)}, without ${median(b).toFixed(0)}, median ratio ${median(ratios).toFixed(3)}, total ratio ${(sum(a) / sum(b)).toFixed(3)}`, ratios.map((r) => r.toFixed(2)).join(' '))
