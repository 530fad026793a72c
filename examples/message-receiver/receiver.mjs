// A receiver for Herald's Generic messenger, in Node without any package. README.md says how to run it, docs/guide/messages.md has the whole contract.
import { createServer } from 'node:http';
import { createHash, timingSafeEqual } from 'node:crypto';

const { ADDR = 'localhost:9021', API_KEY } = process.env;
if (!API_KEY) {
  console.error('Set API_KEY to the value of the Authorization header that the messenger sends.');
  process.exit(1);
}

class Refusal extends Error {}

// send stands for a provider of text messages. A Refusal means that trying again is no use, any other error that it may be.
async function send({ phoneNumber, type, textMessage, message }) {
  if (phoneNumber.startsWith('+1900')) throw new Refusal('nothing is sent to premium numbers');
  console.log(`${type} to ${phoneNumber}: ${type === 'Voice' ? message : textMessage}`);
}

const digest = (text) => createHash('sha256').update(text ?? '').digest();

function answer(res, status, code, message) {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(code ? JSON.stringify({ errors: [{ code: `[${code}]`, message }] }) : '');
}

const maxBody = 64 * 1024;

// read is the message in a body; undefined for what is none.
async function read(req) {
  req.setEncoding('utf8'); // a letter may be cut in two on its way
  let body = '';
  for await (const chunk of req) {
    body += chunk;
    if (body.length > maxBody) return;
  }
  try {
    const message = JSON.parse(body);
    const text = message.type === 'Voice' ? message.message : message.textMessage;
    if ([message.phoneNumber, message.type, text].every((member) => typeof member === 'string' && member)) return message;
  } catch {
    // not JSON
  }
}

// All attempts for one message have the same key, so that nobody gets it twice because an answer was lost.
const mostSeen = 10_000;
const seen = new Map(); // from Idempotency-Key to whether it went out

const server = createServer(async (req, res) => {
  if (req.url !== '/message') return answer(res, 404, 'notFound');
  if (req.method !== 'POST') return answer(res.setHeader('Allow', 'POST'), 405, 'methodNotAllowed');
  if (!timingSafeEqual(digest(req.headers.authorization), digest(API_KEY))) return answer(res, 401, 'notAuthorized');
  if (Number(req.headers['content-length']) > maxBody) return answer(res.setHeader('Connection', 'close'), 413, 'tooLarge');
  const message = await read(req);
  if (!message) return answer(res, 400, 'invalidBody');

  const key = req.headers['idempotency-key'];
  if (key && seen.get(key)) return answer(res, 200);
  if (key && seen.has(key)) return answer(res.setHeader('Retry-After', '1'), 503, 'inProgress');
  if (key) seen.set(key, false);
  try {
    await send(message);
    if (key) seen.set(key, true);
    if (seen.size > mostSeen) seen.delete(seen.keys().next().value);
    answer(res, 200); // anything from 200 to 299: it is on its way
  } catch (error) {
    seen.delete(key); // it may come again
    if (error instanceof Refusal) return answer(res, 422, 'refused', error.message); // the next messenger at once
    console.error(error);
    answer(res, 500, 'notHandled'); // again soon, then the next messenger
  }
});

const [host, port] = ADDR.split(':');
server.listen(Number(port), host, () => console.log(`waiting for messages on http://${host}:${server.address().port}/message`));
