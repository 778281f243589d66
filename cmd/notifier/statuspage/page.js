'use strict'

const every = 2000 // between two looks

const texts = {
  en: {
    skip: 'Skip to the daemons', language: 'Language', whole: 'Together', daemons: 'Daemons', events: 'Last events',
    noEvents: 'The log is empty.', footer: 'Every two seconds, from /api/status. In a terminal: notifier conns, notifier trace, notifier kick.',
    good: 'all well', warn: 'with warnings', bad: 'not all well', ready: 'ready', notReady: 'not ready', silent: 'no answer', asked: 'asked here',
    connections: 'Connections', accounts: 'Accounts', perMinute: 'Events in the last minute', staged: 'Waiting to be numbered',
    waiting: 'Releases waiting', last: 'Last event', lag: 'Events behind', version: 'Version', since: 'Since', seq: 'Last event sent',
    bells: 'Bells', heard: 'heard', unheard: 'not heard: polling', event: 'Event', id: 'Id', status: 'Status', appointment: 'Appointment',
    account: 'Account', changed: 'Changed', took: 'To the log', effect: 'Release', reached: 'Screens reached', of: 'of',
    away: 'The database does not answer: what is in the log cannot be shown.', alone: 'This daemon is alone (--peer-addr off): it knows of no others.',
    lost: 'This daemon does not answer. The figures are old. Trying again…', refused: 'The daemon refuses: open this page anew.', fresh: 'as of',
    effects: { released: 'doctor released', was_free: 'doctor was free', guarded: 'doctor is serving', gone: 'doctor is gone', waiting: 'waiting', '': '–' },
    more: 'or more',
  },
  'pt-BR': {
    skip: 'Ir para os processos', language: 'Idioma', whole: 'No conjunto', daemons: 'Processos', events: 'Últimos eventos',
    noEvents: 'O registro está vazio.', footer: 'A cada dois segundos, de /api/status. No terminal: notifier conns, notifier trace, notifier kick.',
    good: 'tudo bem', warn: 'com avisos', bad: 'há problemas', ready: 'pronto', notReady: 'não está pronto', silent: 'sem resposta', asked: 'este aqui',
    connections: 'Conexões', accounts: 'Contas', perMinute: 'Eventos no último minuto', staged: 'À espera de número',
    waiting: 'Liberações pendentes', last: 'Último evento', lag: 'Eventos de atraso', version: 'Versão', since: 'Desde', seq: 'Último evento enviado',
    bells: 'Avisos do banco', heard: 'ouvidos', unheard: 'não ouvidos: consulta periódica', event: 'Evento', id: 'Id', status: 'Status',
    appointment: 'Agendamento', account: 'Conta', changed: 'Alterado', took: 'Até o registro', effect: 'Liberação', reached: 'Telas alcançadas', of: 'de',
    away: 'O banco de dados não responde: não há como mostrar o registro.', alone: 'Este processo está só (--peer-addr off): não sabe de outros.',
    lost: 'Este processo não responde. Os números são antigos. Tentando de novo…', refused: 'O processo recusa: abra a página de novo.', fresh: 'às',
    effects: { released: 'médico liberado', was_free: 'médico já livre', guarded: 'médico em atendimento', gone: 'médico não existe mais', waiting: 'pendente', '': '–' },
    more: 'ou mais',
  },
}

// What the daemons say in English, by its code, or as it is.
const portuguese = {
  draining: 'o processo está sendo encerrado',
  not_migrated: 'o banco não tem o esquema notifier que este usuário possa usar, ou recusa o usuário: rode `notifier migrate up` e confira --database-url',
  database_away: 'o banco não pode ser alcançado ou não responde: veja o log',
  read_only: 'o servidor que responde é uma réplica e não aceita escrita: indique o primário em --database-url, ou todos os servidores',
  log_failing: 'um comando do registro falha: procure um trigger ou uma restrição alheia no esquema notifier, e um disco cheio; o SQLSTATE está na linha feed_failed do log',
  pump_stuck: 'há mudanças à espera e o registro não anda: uma sessão segura notifier.head ou uma tabela do registro; a linha pump_stuck do log diz qual, e como encerrá-la',
  staging_growing: 'mudanças esperam mais do que deveriam: o registro anda, mas não acompanha; veja a carga do banco e deste processo',
  listener_down: 'a conexão de escuta caiu e não volta: confira --direct-url; as mudanças são achadas por consulta periódica',
  keys_never_loaded: 'as chaves JWKS nunca foram carregadas: confira --jwks-url',
  feed_hung: 'a leitura do registro está parada num passo: se ficar assim por três minutos, /livez diz que só um reinício resolve',
  rooms_hung: 'as salas estão travadas: se ficar assim por três minutos, /livez diz que só um reinício resolve',
  release_failing: 'médicos não podem ser liberados: a linha release_failing do log traz o SQLSTATE',
  listener_deaf: 'o banco aceita LISTEN e nada chega: há um pooler no meio; indique --direct-url. As mudanças são achadas por consulta periódica',
  notify_queue_full: 'a fila de NOTIFY do servidor está pela metade, e o aviso em silêncio: encerre a sessão que escuta e está parada numa transação',
  'it did not answer in time': 'não respondeu a tempo',
  'it cannot be reached: see peer_unreachable in the log, and --peer-addr': 'não pode ser alcançado: veja peer_unreachable no log, e --peer-addr',
  'it does not know the question: it is of another version': 'não conhece a pergunta: é de outra versão',
  'it has just ended': 'acaba de ser encerrado',
  'its answer cannot be understood': 'a resposta não pode ser entendida',
}

const lang = document.documentElement.lang
const t = texts[lang]
const number = new Intl.NumberFormat(lang)
const clock = new Intl.DateTimeFormat(lang, { timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(lang, { dateStyle: 'short', timeStyle: 'short' })
const at = (id) => document.getElementById(id)

for (const e of document.querySelectorAll('[data-text]')) e.textContent = t[e.dataset.text]
for (const e of document.querySelectorAll('[data-label]')) e.setAttribute('aria-label', t[e.dataset.label])
document.querySelector(`[data-lang="${lang}"]`).setAttribute('aria-current', 'true')

const columns = [
  ['id', 'lead mono', (e) => e.id],
  ['event', '', (e) => e.event],
  ['status', '', (e) => e.status],
  ['appointment', 'number', (e) => e.appointment],
  ['account', 'number', (e) => e.account],
  ['changed', '', (e) => clock.format(new Date(e.changed_at))],
  ['took', 'number', (e) => duration(new Date(e.numbered_at) - new Date(e.changed_at))],
  ['reached', 'number', (e) => reached(e.reached)],
  ['effect', '', (e) => t.effects[e.effect] ?? e.effect],
]
at('event-head').append(...columns.map(([name, kind]) => Object.assign(make('th', t[name], kind), { scope: 'col' })))

// make makes an element. Whatever comes from outside is text, and nothing else.
function make(tag, text, kind) {
  const e = document.createElement(tag)
  if (text !== undefined) e.textContent = text
  if (kind) e.className = kind
  return e
}

function pair(name, value) {
  const e = make('div')
  e.append(make('dt', name), make('dd', value))
  return e
}

function duration(ms) {
  if (ms < 1000) return `${number.format(Math.max(0, ms))} ms`
  return `${number.format(Math.round(ms / 100) / 10)} s`
}

// reached is to how many connections an event went: written, of how many if not to all, and replayed later.
function reached({ members, written, replayed, sure }) {
  let text = number.format(written)
  if (members !== written) text += ` ${t.of} ${number.format(members)}`
  if (replayed > 0) text += ` + ${number.format(replayed)}`
  if (sure) return text
  return written + replayed > 0 ? `≥ ${text}` : '?'
}

// bounded is a count that stops somewhere.
const bounded = (n, most) => number.format(n) + (n >= most ? ` ${t.more}` : '')

// show replaces an element's content only if it is other: a screen reader's place stays where it is.
function show(e, children) {
  const next = make(e.tagName)
  next.append(...children)
  if (next.innerHTML !== e.innerHTML) e.replaceChildren(...next.childNodes)
}

function mood(report) {
  if (report.daemons.some((d) => d.error || !d.ready) || !report.log) return 'bad'
  return report.daemons.some((d) => d.warnings.length > 0) ? 'warn' : 'good'
}

function figures({ daemons, connections, log }) {
  const all = [pair(t.daemons, number.format(daemons.length)), pair(t.connections, number.format(connections))]
  if (log) {
    all.push(pair(t.perMinute, bounded(log.last_minute, 2000)), pair(t.staged, bounded(log.staged, 10000)),
      pair(t.waiting, bounded(log.waiting, 10000)), pair(t.last, log.cursor))
  }
  return all
}

function card(d, asked) {
  const e = make('article', undefined, 'daemon')
  e.setAttribute('role', 'listitem')
  const kind = d.error || !d.ready ? 'bad' : d.warnings.length > 0 ? 'warn' : 'good'
  const head = make('h3')
  const name = make('span')
  name.append(make('b', d.id))
  if (d.id === asked) name.append(make('span', ` ${t.asked}`, 'soft'))
  head.append(name, make('span', d.error ? t.silent : d.ready ? t.ready : t.notReady, `state ${kind}`))
  const facts = make('dl')
  const fact = (term, value) => facts.append(make('dt', term), make('dd', value))
  if (!d.error) {
    const by = Object.entries(d.connections).filter(([, n]) => n > 0).map(([name, n]) => `${name} ${number.format(n)}`)
    fact(t.connections, by.join(' · ') || '0')
    fact(t.accounts, number.format(d.accounts))
    fact(t.seq, String(d.seq))
    fact(t.lag, number.format(d.lag))
    fact(t.bells, d.listener ? t.heard : t.unheard)
  }
  fact(t.since, day.format(new Date(d.since)))
  fact(t.version, d.version)
  e.append(head, facts)
  if (d.error) e.append(remarks([{ code: '', message: d.error }]))
  else if (d.problems.length + d.warnings.length > 0) e.append(remarks([...d.problems, ...d.warnings]))
  return e
}

function remarks(list) {
  const e = make('ul')
  for (const { code, message } of list) {
    const item = make('li')
    if (code) item.append(make('b', code), ': ')
    const known = lang === 'en' ? undefined : portuguese[code || message]
    const text = make('span', known ?? message)
    if (!known) text.lang = 'en'
    item.append(text)
    e.append(item)
  }
  return e
}

function row(event) {
  const tr = make('tr')
  for (const [name, kind, value] of columns) {
    const text = value(event)
    const td = make('td', text, kind + (text === '' ? ' empty' : ''))
    td.dataset.name = t[name]
    tr.append(td)
  }
  return tr
}

function notify(text, kind) {
  const e = at('notice')
  e.className = `notice ${kind}`
  if (e.textContent !== text) e.textContent = text
  e.hidden = text === ''
}

function render(report) {
  const kind = mood(report)
  const verdict = at('verdict')
  verdict.className = `verdict ${kind}`
  if (verdict.textContent !== t[kind]) verdict.textContent = t[kind]
  document.title = `notifier: ${t[kind]}`
  at('fresh').textContent = `${t.fresh} ${clock.format(new Date(report.at))}`
  if (report.log) notify(report.alone ? t.alone : '', 'remark')
  else notify(t.away, 'trouble')
  show(at('figures'), figures(report))
  show(at('daemon-list'), report.daemons.map((d) => card(d, report.asked)))
  const events = report.log?.events ?? []
  show(at('event-rows'), events.map(row))
  at('no-events').hidden = !report.log || events.length > 0
}

// complete is a report with all that is looked at: a daemon of another version may leave something out.
function complete(report) {
  report.daemons = (report.daemons ?? []).map((d) => ({ ...d, problems: d.problems ?? [], warnings: d.warnings ?? [], connections: d.connections ?? {} }))
  return report
}

async function look() {
  let report
  try {
    const response = await fetch(`${location.origin}${location.pathname}api/status`, // not relative: an address with a password in it cannot be fetched from
       { headers: { Accept: 'application/json' }, signal: AbortSignal.timeout(15000) })
    if (response.ok) report = await response.json()
    else notify(t.refused, 'trouble')
  } catch {
    notify(t.lost, 'trouble')
  }
  if (report) render(complete(report))
  setTimeout(look, every)
}

look()
