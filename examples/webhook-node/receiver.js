// A receiver for Herald's webhooks, in Node with Express. README.md says how to run it, and what is where in this file.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import express from 'express';

const { ADDR = 'localhost:3000', WEBHOOK_KEY, SIGNING_SECRET, SIGNATURE = 'standard' } = process.env;
if (!WEBHOOK_KEY || !SIGNING_SECRET || !['standard', 'jwt'].includes(SIGNATURE)) {
  console.error('Set WEBHOOK_KEY to the value of the Authorization header that the webhook sends, SIGNING_SECRET to the secret of its HMAC key, and SIGNATURE to standard or jwt.');
  process.exit(1);
}

// What this receiver is for. The todos of a user go with the user, and not everybody may become one.

const todo = {
  async deleteAll(userId) {
    console.log(`deleted the todos of ${userId}`);
  },
};

class Refusal extends Error {}

async function handle(event) {
  switch (event.type) {
    case 'user.create': // before the commit: answering anything but 2xx stops it, if the tenant lets webhooks vote
      if (event.user.email?.endsWith('@blocked.example')) throw new Refusal('nobody from blocked.example is let in');
      console.log(`agreed to ${event.user.email}`);
      break;
    case 'user.delete': // where webhooks vote on this, wait for user.delete.complete: another one may still refuse
      await todo.deleteAll(event.user.id);
      break;
    default: // a type that this receiver does not know, perhaps because it is newer: no reason to fail
  }
}

// Who sends.

const sha256 = (content) => createHash('sha256').update(content ?? '').digest();
const equal = (got, wanted) => timingSafeEqual(sha256(got), sha256(wanted)); // takes as long whatever differs

function authorize(req, res, next) {
  if (!equal(req.header('Authorization'), WEBHOOK_KEY)) return notAuthorized(res, 'the Authorization header is wrong');
  next();
}

function verify(req, res, next) {
  if (!Buffer.isBuffer(req.body)) return fail(res, 415, 'unsupportedMediaType');
  if (!(SIGNATURE === 'jwt' ? verifyJWT(req) : verifyStandard(req))) return notAuthorized(res, 'the signature is wrong, or too old');
  next();
}

// Standard Webhooks: the HMAC of id, time and body. A request that somebody has kept is of no use after five minutes.
function verifyStandard(req) {
  const id = req.header('webhook-id');
  const at = req.header('webhook-timestamp');
  if (!(Math.abs(Date.now() / 1000 - Number(at)) <= 300)) return false;
  const key = SIGNING_SECRET.startsWith('whsec_') ? Buffer.from(SIGNING_SECRET.slice('whsec_'.length), 'base64') : SIGNING_SECRET;
  const wanted = createHmac('sha256', key).update(`${id}.${at}.`).update(req.body).digest('base64');
  return (req.header('webhook-signature') ?? '').split(' ').some((one) => equal(one, `v1,${wanted}`));
}

// FusionAuth's JWT: the hash of the body as it came, not of what it was parsed to. The algorithm is ours to choose, whatever the token says.
function verifyJWT(req) {
  const [header, claims, signature] = (req.header('X-FusionAuth-Signature-JWT') ?? '').split('.', 3);
  const wanted = createHmac('sha256', SIGNING_SECRET).update(`${header}.${claims}`).digest('base64url');
  if (!equal(signature, wanted)) return false;
  const { request_body_sha256: hash } = JSON.parse(Buffer.from(claims, 'base64url'));
  return equal(hash, sha256(req.body).toString('base64'));
}

// Such a token has no time, so the age of the event has to do. Retries go on for 28 hours.
const maxAge = 48 * 3600 * 1000;

// Each event once, however often it comes. A process that starts again has forgotten; a database would not.

const mostSeen = 100_000;
const seen = new Map(); // from event.id to whether it was handled

async function once(event, res) {
  if (seen.get(event.id)) return res.status(200).json({ duplicate: true });
  if (seen.has(event.id)) return fail(res.set('Retry-After', '1'), 503, 'inProgress');
  seen.set(event.id, false);
  try {
    await handle(event);
    seen.set(event.id, true);
    if (seen.size > mostSeen) seen.delete(seen.keys().next().value);
    res.sendStatus(200);
  } catch (error) {
    seen.delete(event.id); // it may come again
    throw error;
  }
}

// What is answered.

const fail = (res, status, code, message) => res.status(status).json({ errors: [{ code: `[${code}]`, message }] });

function notAuthorized(res, reason) {
  console.error(`turned away: ${reason}`);
  fail(res, 401, 'notAuthorized');
}

const router = express.Router();
router.route('/webhook').post(authorize, express.raw({ type: 'application/json', limit: '1mb', inflate: false }), verify, async (req, res) => {
  let event;
  try {
    ({ event } = JSON.parse(req.body));
  } catch {
    // said below
  }
  if (typeof event?.type !== 'string' || typeof event.id !== 'string') return fail(res, 400, 'invalidBody', 'The body is no event.');
  if (SIGNATURE === 'jwt' && !(Date.now() - event.createInstant <= maxAge)) return notAuthorized(res, 'the event is too old');
  await once(event, res);
});
router.route('/webhook').all((req, res) => fail(res.set('Allow', 'POST'), 405, 'methodNotAllowed'));

const app = express();
app.disable('x-powered-by');
app.use(router);
app.use((error, req, res, next) => {
  if (error instanceof Refusal) return fail(res, 422, 'refused', error.message);
  if (error.status >= 400 && error.status < 500) return fail(res, error.status, 'invalidBody', error.message); // of express.raw: too large, say
  console.error(error);
  fail(res, 500, 'notHandled'); // it will be sent again
});

const [host, port] = ADDR.split(':');
const server = app.listen(Number(port), host, () => console.log(`waiting for events on http://${host}:${server.address().port}/webhook`));
