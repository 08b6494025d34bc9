import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSite } from '../../test/remotes/site.ts'
import { dataOf, post, scripted } from '../../test/session.ts'
import { openShell, shellSession } from '../../test/shell.ts'
import { follow } from '../../test/stream.ts'
import { eventually } from '../../test/waiting.ts'

test('runs a command on the files of its session and keeps its changes', async (t) => {
  const { put, run, get, paths, turn } = await shellSession(t)
  await put('/data/names.txt', 'Ada\nGrace\nAda\n')
  await put('/old/a.txt', 'a')
  await put('/old/b.txt', 'b')
  await put('/gone/x', 'x')

  const counted = await run('sort names.txt | uniq', { working_dir: '/data' })
  assert.deepEqual(counted, {
    stdout: 'Ada\nGrace\n',
    stderr: '',
    exit_code: 0,
    success: true,
  })
  const events = await turn({
    command: `cp -r /old /copy && mv /old/a.txt /moved.txt && echo more >> /data/names.txt
      rm -r /gone; mkdir -p /empty/inside; echo 'echo "I am $1"' > hello.sh; ./hello.sh Bob; touch /data/new`,
  })
  assert.match(JSON.stringify(dataOf(events, 'tool.completed').result), /I am Bob/)
  assert.equal(events.filter(({ type }) => type === 'files.changed').length, 1)
  assert.equal(String(await get('/data/names.txt')), 'Ada\nGrace\nAda\nmore\n')
  assert.equal(String(await get('/moved.txt')), 'a')
  assert.deepEqual(await paths(), [
    '/copy',
    '/copy/a.txt',
    '/copy/b.txt',
    '/data',
    '/data/names.txt',
    '/data/new',
    '/empty',
    '/empty/inside',
    '/hello.sh',
    '/moved.txt',
    '/old',
    '/old/b.txt',
  ])
})

test('the shell has its own environment and reports how a command failed', async (t) => {
  const { run } = await shellSession(t)
  const { stdout } = await run('echo $HOME $USER $SHELL $PATH; pwd; env | grep -ci key')
  assert.equal(stdout, '/ agent /bin/bash /usr/bin:/bin\n/\n0\n')
  const failed = await run('echo out; echo err >&2; exit 3')
  assert.deepEqual(failed, { stdout: 'out\n', stderr: 'err\n', exit_code: 3, success: false })
  assert.equal((await run('if')).exit_code, 2)
  const missing = await run('python3 -c 1; js-exec -c 1; sqlite3 x; curl example.org')
  assert.deepEqual([missing.exit_code, missing.stdout], [127, ''])
  assert.deepEqual(await run('pwd', { working_dir: '/nowhere' }), {
    error: 'working_dir is not a directory: /nowhere',
  })
  assert.deepEqual(await run('ls /.. /../../etc/passwd; cat /proc/self/environ; cd /tmp; pwd'), {
    stdout: '/..:\nbin\ndev\nproc\ntmp\nusr\n\n/tmp\n',
    stderr:
      'ls: /../../etc/passwd: No such file or directory\ncat: /proc/self/environ: No such file or directory\n',
    exit_code: 0,
    success: true,
  })
})

test('keeps binary files unchanged', async (t) => {
  const { put, run, get } = await shellSession(t)
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7919) % 256))
  await put('/in.bin', bytes)
  const { stderr } = await run(
    'cp in.bin copy.bin; cat in.bin > cat.bin; gzip -k in.bin; gunzip -c in.bin.gz > back.bin; base64 in.bin | base64 -d > b64.bin; tar czf all.tgz cat.bin; mkdir x; tar xzf all.tgz -C x; cat in.bin in.bin | head -c 70000 > head.bin; dd=1; cat in.bin >> appended.bin',
  )
  assert.equal(stderr, '')
  for (const name of ['copy', 'cat', 'back', 'b64', 'x/cat', 'head', 'appended']) {
    assert.ok((await get(`/${name}.bin`))?.equals(bytes), name)
  }
})

test('/tmp and the directories of the shell end with the command', async (t) => {
  const { run, turn, paths } = await shellSession(t)
  const { stdout, stderr } = await run(
    'echo x > /tmp/x; cat /tmp/x; echo gone > /dev/null; cat /dev/null; echo y > /usr/y; ls /bin | head -1; v=1',
  )
  assert.deepEqual([stdout, stderr], ['x\nalias\n', ''])
  assert.equal((await run('ls /tmp; echo "[$v]"')).stdout, '[]\n')
  assert.deepEqual(await paths(), [])
  await run('echo same > /same.txt')
  const again = await turn({
    command: 'echo same > /same.txt; touch /same.txt; chmod 600 /same.txt; rm -f /nothing',
  })
  assert.equal(dataOf(again, 'tool.completed').success, true)
  assert.ok(!again.some(({ type }) => type === 'files.changed'))
})

test('refuses read-only files, reserved names and links', async (t) => {
  const { put, run, get, paths } = await shellSession(t)
  await put('/ro/a.txt', 'keep', { is_readonly: true })
  await put('/b.txt', 'b')
  const before = await paths()
  for (const command of [
    'cp /b.txt /ro/a.txt',
    'mv /b.txt /ro/a.txt',
    'mv /ro/a.txt /c.txt',
    'rm -f /ro/a.txt',
    'rm -rf /ro',
    'mv /ro /rw',
    'sed -i s/keep/drop/ /ro/a.txt',
    'echo x | tee /ro/a.txt',
    'mkdir /_private',
    'cp /b.txt /_b',
    'touch /ro/_x',
    'ln -s /b.txt /link',
    'ln /b.txt /link',
  ]) {
    const { exit_code, stderr } = await run(command)
    // rm -f reports files that it could not remove, and exits with success.
    if (!command.startsWith('rm -')) assert.notEqual(exit_code, 0, command)
    assert.match(stderr, /Permission denied|cannot be links/, command)
  }
  for (const command of ['echo first > /c.txt; echo x > /ro/a.txt', ': >> /_x']) {
    const { error } = await run(command)
    assert.match(error, /^Bash execution error: .*: Permission denied: .* not saved/)
  }
  assert.equal(
    (await run('cat /ro/a.txt; cp /ro/a.txt /mine.txt; echo + >> /mine.txt')).stdout,
    'keep',
  )
  assert.equal(String(await get('/mine.txt')), 'keep+\n')
  assert.deepEqual(await paths(), [...before.slice(0, 1), '/mine.txt', ...before.slice(1)])
})

test('a failed mv removes nothing, also beside other changes', async (t) => {
  const { put, run, get, paths } = await shellSession(t)
  await put('/a', 'one')
  await put('/b', 'two')
  await put('/d/x', 'three')
  await put('/e/d/y', 'four')
  const before = await paths()
  for (const command of ['mv /a /b/c', 'mv /d /b', 'mv /d /b/c', 'mv /b /e/d/y/z', 'mv /d /e']) {
    const { exit_code, stderr } = await run(command)
    assert.deepEqual([exit_code, /^mv: cannot move/.test(stderr)], [1, true], command)
    assert.deepEqual(await paths(), before, command)
  }
  await run('mkdir -p /e/a; mv /a /e')
  await run('mv /a /b/c; echo more > /more')
  assert.deepEqual(await paths(), [
    '/a',
    '/b',
    '/d',
    '/d/x',
    '/e',
    '/e/a',
    '/e/d',
    '/e/d/y',
    '/more',
  ])
  assert.equal(String(await get('/a')), 'one')
})

test('a directory with the read-only flag can be removed and moved', async (t) => {
  const { server, id, run, paths } = await shellSession(t)
  for (const path of ['/old', '/fixed']) {
    const body = { is_directory: true, is_readonly: true }
    assert.equal((await server.call('POST', `/v1/sessions/${id}/fs${path}`, body)).status, 201)
  }
  const { stderr, exit_code } = await run('rmdir /old && mv /fixed /moved && echo x > /moved/x')
  assert.deepEqual([stderr, exit_code], ['', 0])
  assert.deepEqual(await paths(), ['/moved', '/moved/x'])
})

test('names with white space at their ends are ordinary', async (t) => {
  const { put, run, get, paths } = await shellSession(t)
  await put('/ a', 'one')
  await put('/a', 'two')
  const { stderr, stdout } = await run(`rm a; mv ' a' ' b '; cat ' b '; echo three > 'd '`)
  assert.deepEqual([stderr, stdout], ['', 'one'])
  assert.deepEqual(await paths(), ['/ b ', '/d '])
  assert.equal(String(await get('/d%20')), 'three\n')
})

test('a command keeps files that others store in a directory which it moves or removes', async (t) => {
  const options = { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } }
  const shell = await shellSession(t, { config: { allowed_hosts: ['127.0.0.1'] }, options })
  const { put, turn, get, paths } = shell
  for (const path of ['/d/sub/x', '/d/y', '/f/sub/x', '/f/y', '/g/y']) await put(path, path)
  const site = await startSite(t, {
    async '/'(_, response) {
      await put('/d/new.txt', 'new')
      await put('/f/sub/new.txt', 'new')
      response.end('stored')
    },
  })
  const events = await turn({
    command: `mv /d /e; rm -r /f /g; curl -s ${site.url}/`,
    timeout_ms: 60_000,
  })
  assert.match(JSON.stringify(dataOf(events, 'tool.completed').result), /stored/)
  assert.deepEqual(await paths(), [
    ...['/d', '/d/new.txt', '/e', '/e/sub', '/e/sub/x', '/e/y'],
    ...['/f', '/f/sub', '/f/sub/new.txt'],
  ])
  assert.equal(String(await get('/e/sub/x')), '/d/sub/x')
  const { changes } = dataOf(
    events.filter(({ data }) => 'tool_call_id' in data),
    'files.changed',
  )
  const deleted = changes.filter(({ change }) => change === 'deleted')
  assert.deepEqual(deleted.map(({ path }) => path).sort(), [
    ...['/d/sub', '/d/y', '/f/sub/x', '/f/y', '/g'],
  ])
})

test('keeps all changes or none', async (t) => {
  const options = { env: { FILE_SIZE_MB: '1', SESSION_FILES_MAX: '50' } }
  const { run, put, paths } = await shellSession(t, { options })
  await put('/a.txt', 'a')
  for (const command of [
    "rm /a.txt; echo b > /b.txt; printf '%2000000s' > /large.txt",
    'mv /a.txt /z.txt; for i in $(seq 60); do echo $i > /f$i; done',
  ]) {
    const { error } = await run(command)
    assert.match(error, /^The command ran, but its changes to files were not saved: /)
    assert.deepEqual(await paths(), ['/a.txt'])
  }
  const { stderr } = await run(
    "printf '%16000000s' > /tmp/x; for i in 1 2 3 4 5; do cp /tmp/x /tmp/$i; done",
  )
  assert.match(stderr, /one command can write 64 MiB/)
})

test('a command that times out or is cancelled keeps nothing', async (t) => {
  const { server, id, run, paths } = await shellSession(t, { config: { timeout_ms: 700 } })
  assert.deepEqual(await run('echo x > /x; sleep 30', { timeout_ms: 300 }), {
    error: 'Command timed out after 300ms. Its changes to files were not saved.',
  })
  assert.match((await run('echo x > /x; sleep 30')).error, /timed out after 700ms/)

  const stream = await follow(t, server.url, { sessionId: id })
  const call = { command: 'echo x > /x; sleep 30', timeout_ms: 60_000 }
  const script = scripted({ tool_calls: [{ name: 'bash', arguments: call }] }, { text: 'done' })
  await post(server, id, script)
  await stream.event('tool.started', 3)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  await stream.event('session.idled', 3)
  assert.deepEqual(await paths(), [])
  assert.equal((await run('echo on', { timeout_ms: 60_000 })).stdout, 'on\n')
})

/** Commands that exhaust resources, with the expected error. */
const runaways: [command: string, verdict: RegExp][] = [
  [':(){ :|:& };:', /recursion depth/],
  ['f(){ f; }; f', /recursion depth/],
  ['while true; do :; done', /too many commands/],
  ['for ((;;)); do echo endless; done', /too many commands/],
  ['echo {1..100000000}', /limit exceeded/],
  [
    'echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}',
    /limit exceeded/,
  ],
  ['seq 1000000000', /limit exceeded/],
  ['x=aaaa; while true; do x=$x$x; done', /limit exceeded/],
  ["printf '%1000000000s' x", /limit exceeded/],
  ["awk 'BEGIN { for (;;) a[i++] = i }'", /limit exceeded/],
  ["jq -n '[range(1000000000)]'", /limit exceeded/],
  ['echo "bash /loop.sh" > /loop.sh; bash /loop.sh', /depth/],
  ["sed ':a;s/x/xx/g;ba' <<< x", /limit exceeded/],
]

test('stops every runaway command without effect on others', async (t) => {
  const { server, agent, id, run, turn } = await shellSession(t)
  for (const [command, verdict] of runaways) {
    const answer = JSON.stringify(await run(command, { timeout_ms: 3_000 }))
    // On a slow machine the timeout comes before the other limit.
    if (!answer.includes('timed out after 3000ms')) assert.match(answer, verdict, command)
  }
  /** Repeats a command that a slow machine did not end in time. */
  const finish = (command: string) =>
    eventually(async () => {
      const answer = await run(command, { timeout_ms: 60_000 })
      const isLate = /did not finish within|timed out after 60000ms/.test(JSON.stringify(answer))
      return isLate ? undefined : answer
    })
  for (const command of [
    'head -c 10G /dev/zero | wc -c',
    "grep -E '(a+)+$' <<< aaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
  ]) {
    assert.ok('exit_code' in (await finish(command)), command)
  }
  const greedy = "printf '%16000000s' > /tmp/x; split -b 1 -a 6 /tmp/x /tmp/s"
  const { error } = await finish(greedy)
  assert.match(error, /the command took too much memory\. .* not saved/)
  const loud = await run("printf '%2000000s' x; echo; echo why >&2; exit 4")
  assert.equal(loud.truncated, true)
  assert.match(
    loud.beginning,
    /^\{"exit_code":4,.*why.*stdout had 2000001 bytes; only the first 1048576/,
  )

  const other = await openShell(t, server, agent.id)
  const order: string[] = []
  const command = "awk 'BEGIN { while (1) x = 1 }'; while true; do :; done; sleep 60"
  const slow = turn({ command, timeout_ms: 60_000 }).then(() => order.push('runaway'))
  order.push((await other.run('echo fine')).stdout)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  await slow
  assert.deepEqual(order, ['fine\n', 'runaway'])
})

type Run = Awaited<ReturnType<typeof shellSession>>['run']

/** Runs a command with the longest time limit, all of which other processes may use. */
const runSlowly = (run: Run, command: string) =>
  eventually(async () => {
    const result = await run(command, { timeout_ms: 60_000 })
    const isLate = /did not finish|timed out|cannot be started/.test(result.error ?? '')
    return isLate ? undefined : result
  })

test('searches, sorts and rewrites a log of the maximum file size', async (t) => {
  const { put, run, get } = await shellSession(t)
  const line = (n: number) =>
    `2026-11-25T03:00:00Z host${n % 17} request ${n} took some time to answer, as they do\n`
  const log = Array.from({ length: 110_000 }, (_, n) => line(n)).join('')
  await put('/app.log', log)
  for (const [command, output] of [
    ['grep -c host3 app.log', '6471\n'],
    [`awk '{n[$2]++} END {for (k in n) hosts++; print hosts}' app.log`, '17\n'],
    [`sort -r app.log | tail -1 | cut -d' ' -f4`, '0\n'],
    ['sed s/host/HOST/ app.log > out.log', ''],
  ] as const) {
    const { stdout, stderr, error } = await runSlowly(run, command)
    assert.deepEqual([stdout, stderr, error], [output, '', undefined], command)
  }
  assert.equal((await get('/out.log'))?.length, log.length)
})

test('calls wait for a shell in turn; sessions share nothing but their own files', async (t) => {
  const { server, agent, run } = await shellSession(t)
  await run('x=mine; echo mine > /mine.txt; export SECRET=1')
  const shells = await Promise.all(Array.from({ length: 8 }, () => openShell(t, server, agent.id)))
  const answers = await Promise.all(
    shells.map(({ run }, n) =>
      runSlowly(run, `sleep 0.1; ls /*.txt; echo "$x$SECRET"; echo ${n} > /${n}.txt`),
    ),
  )
  for (const { stdout } of answers) assert.equal(stdout, '\n')
  for (const [n, { paths }] of shells.entries()) assert.deepEqual(await paths(), [`/${n}.txt`])
})

test('a session with many commands leaves room for others', async (t) => {
  const { server, agent, id } = await shellSession(t)
  const other = await openShell(t, server, agent.id)
  const calls = Array.from({ length: 60 }, (_, n) => ({
    name: 'bash',
    arguments: { command: `sleep 59; echo ${n}`, timeout_ms: 60_000 },
  }))
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, scripted({ tool_calls: calls }, { text: 'done' }))
  await stream.event('tool.completed')
  assert.equal((await other.run('echo one', { timeout_ms: 60_000 })).stdout, 'one\n')
  // No command of the first session has ended: those that ended were refused.
  const refused = stream.events.filter(({ type }) => type === 'tool.completed')
  assert.ok(refused.length > 0 && refused.length < 40, String(refused.length))
  for (const { data } of refused)
    assert.match(JSON.stringify(data), /Too many commands are waiting/)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  await stream.event('session.idled')
})

test('config adds variables, removes programs and is validated', async (t) => {
  const config = { env: { GREETING: 'hello' }, commands: ['cat', 'tr'] }
  const { server, run } = await shellSession(t, { config })
  const { stdout, stderr } = await run('echo $GREETING | tr a-z A-Z; ls; printf x | cat')
  assert.deepEqual([stdout, stderr], ['HELLO\nx', 'bash: ls: command not found\n'])
  for (const [wrong, path] of [
    [{ timeout_ms: 60_001 }, 'timeout_ms'],
    [{ env: { 'A B': 'x' } }, 'env'],
    [{ commands: ['python3'] }, 'commands'],
    [{ allowed_hosts: ['http://x'] }, 'allowed_hosts'],
    [{ python: true }, 'python'],
  ] as const) {
    const capabilities = [{ ref: 'virtual_bash', config: wrong }]
    const agent = { name: 'Ada', system_prompt: 'x', capabilities }
    const { status, body } = await server.call('POST', '/v1/agents', agent)
    assert.equal(status, 400)
    assert.match(body.error, new RegExp(`capabilities/0/config.*${path}|${path}`))
  }
})
