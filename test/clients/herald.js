// What the tests share: clients for the running Herald, receivers of its requests, and checks of what a call came to.
import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { createInterface } from 'node:readline'
import fusionauth from '@fusionauth/typescript-client'

// clients_test.go says where Herald is, and a key that may do everything.
export const url = process.env.HERALD_URL
export const key = process.env.HERALD_KEY
assert(url && key, 'HERALD_URL and HERALD_KEY name the server to test')

/** A client of the tenant, or of the whole installation without one. */
export function client (tenantId, apiKey = key) {
  return new fusionauth.FusionAuthClient(apiKey, url, tenantId)
}

/** The client of the whole installation. */
export const global = client()

/** A name that nothing else has: files run at the same time, on one server. */
export function unique (name) {
  return `${name} ${randomUUID()}`
}

/** An address that nobody else has. */
export function address () {
  return `${randomUUID()}@example.com`
}

/** How long anything that has to happen may take at most, in milliseconds. */
export const patience = 60000

export const password = 'correct horse battery'

/** The body of a call that has to succeed with the given status. */
export async function ok (call, status = 200) {
  let answer
  try {
    answer = await call
  } catch (e) {
    assert.fail(`refused with ${e.statusCode}: ${JSON.stringify(e.exception) ?? e}`)
  }
  assert.equal(answer.statusCode, status)
  assert(answer.response, 'the answer has a body of JSON')
  return answer.response
}

/** Checks that a call succeeds without a body: for such calls the client declares none. */
export async function done (call, status = 200) {
  let answer
  try {
    answer = await call
  } catch (e) {
    assert.fail(`refused with ${e.statusCode}: ${JSON.stringify(e.exception) ?? e}`)
  }
  assert.equal(answer.statusCode, status)
  assert.equal(answer.response, undefined)
}

/** The errors document of a call that has to be refused with the given status; undefined when it has none. */
export async function refused (call, status) {
  let answer
  try {
    answer = await call
  } catch (e) {
    assert.equal(e.statusCode, status, `refused with ${e.statusCode}: ${JSON.stringify(e.exception) ?? e}`)
    assert.equal(e.response, undefined)
    return e.exception
  }
  assert.fail(`answered with ${answer.statusCode}: ${JSON.stringify(answer.response)}`)
}

/** Checks that a call is refused with 401 or 404, which have no body. */
export async function nothing (call, status = 404) {
  assert.equal(await refused(call, status), undefined)
}

/** Checks that a call is refused with 400 and exactly these codes, each at the field that its name ends with. */
export async function invalid (call, ...codes) {
  const errors = await refused(call, 400)
  const got = (errors.generalErrors ?? []).map(e => e.code)
  for (const [field, all] of Object.entries(errors.fieldErrors ?? {})) {
    for (const e of all) {
      assert(e.code.endsWith(']' + field), `${e.code} is at ${field}`)
      assert(e.message, `${e.code} has a message`)
      got.push(e.code)
    }
  }
  assert.deepEqual(got.sort(), codes.sort())
}

/** A tenant of its own, and the client of it. */
export async function newTenant (settings = {}) {
  const { tenant } = await ok(global.createTenant(undefined, { tenant: { name: unique('tenant'), ...settings } }))
  return { tenant, api: client(tenant.id) }
}

/** A user of the client's tenant. */
export async function newUser (api, settings = {}) {
  const { user } = await ok(api.createUser(undefined, { user: { email: address(), password, ...settings } }))
  return user
}

/** Enables events at the tenant, under one transaction setting. */
export async function enable (tenant, transactionType, ...types) {
  const events = Object.fromEntries(types.map(type => [type, { enabled: true, transactionType }]))
  await ok(global.patchTenant(tenant.id, { tenant: { eventConfiguration: { events } } }))
}

/** Takes the POSTs of Herald until close is called, and answers each with a status that can be changed. */
export async function receiver () {
  const all = []
  const waiting = new Set()
  const self = {
    all,
    status: 200,
    /** The first request, of those there were and those to come, that the function holds true. */
    next (holds) {
      const found = all.find(holds)
      return found ?? new Promise((resolve, reject) => {
        const tooLong = setTimeout(() => reject(new Error('what is waited for has not come')), patience)
        waiting.add({ holds, resolve: got => { clearTimeout(tooLong); resolve(got) } })
      })
    },
    /** The first event of the type about the object. */
    async event (type, linkedObjectId) {
      const got = await self.next(r => r.body.event?.type === type && (!linkedObjectId || r.body.event.linkedObjectId === linkedObjectId))
      return got.body.event
    },
    async close () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
  const server = http.createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const raw = Buffer.concat(chunks).toString()
    const got = { headers: request.headers, raw, body: JSON.parse(raw) }
    response.writeHead(self.status).end()
    all.push(got)
    for (const one of waiting) {
      if (one.holds(got)) {
        waiting.delete(one)
        one.resolve(got)
      }
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  self.url = `http://127.0.0.1:${server.address().port}/`
  return self
}

/** A webhook of the tenant for the types. */
export async function subscribe (tenant, to, ...types) {
  const eventsEnabled = Object.fromEntries(types.map(type => [type, true]))
  const { webhook } = await ok(global.createWebhook(undefined, {
    webhook: { url: to.url, tenantIds: [tenant.id], connectTimeout: 1000, readTimeout: 5000, eventsEnabled }
  }))
  return webhook
}

/** The code that an authenticator with the secret (base64) shows now, or that many steps of 30 seconds later. */
export function authenticatorCode (secret, later = 0) {
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + later))
  const sum = createHmac('sha1', Buffer.from(secret, 'base64')).update(step).digest()
  const number = sum.readUInt32BE(sum[19] & 15) & 0x7fffffff
  return String(number % 1000000).padStart(6, '0')
}

/** The claims of a JWT. */
export function claims (token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
}

/** A mail server that takes everything. */
export async function mailbox () {
  const all = []
  const waiting = new Set()
  const self = {
    /** The text of the first mail to the address. */
    to (recipient) {
      const found = all.find(m => m.to === recipient)
      return found?.text ?? new Promise((resolve, reject) => {
        const tooLong = setTimeout(() => reject(new Error('no mail has come')), patience)
        waiting.add({ recipient, resolve: text => { clearTimeout(tooLong); resolve(text) } })
      })
    },
    async close () {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
  const sockets = new Set()
  const arrived = mail => {
    all.push(mail)
    for (const one of waiting) {
      if (one.recipient === mail.to) {
        waiting.delete(one)
        one.resolve(mail.text)
      }
    }
  }
  const server = net.createServer(socket => {
    sockets.add(socket)
    let to, text // text while a mail is coming
    const say = line => socket.write(line + '\r\n')
    say('220 example.com')
    const lines = createInterface({ input: socket })
    for (const one of [socket, lines]) one.on('error', () => {}) // the other side may be gone without a word
    lines.on('line', line => {
      if (text !== undefined) {
        if (line === '.') {
          arrived({ to, text })
          text = undefined
          return say('250 taken')
        }
        // Long lines of quoted-printable go on after an equals sign.
        text = text.endsWith('=\n') ? text.slice(0, -2) + line + '\n' : text + line + '\n'
        return
      }
      const [, address] = line.match(/^RCPT TO:<(.*?)>/i) ?? []
      to = address ?? to
      if (/^DATA/i.test(line)) {
        text = ''
        return say('354 go on')
      }
      say(/^QUIT/i.test(line) ? '221 bye' : '250 fine')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  /** How a tenant sends its mails here. */
  self.configuration = { host: '127.0.0.1', port: server.address().port, security: 'NONE', defaultFromEmail: 'herald@example.com' }
  return self
}
