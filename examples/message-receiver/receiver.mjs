// A receiver for Herald's Generic messenger, in Node without any package. Run it with
//
//	API_KEY=some-secret node examples/message-receiver/receiver.mjs
//
// and create a messenger with the URL http://localhost:9021/message and the header Authorization: some-secret.
// docs/guide/messages.md has the whole contract.
import { createServer } from 'node:http';
import { createHash, timingSafeEqual } from 'node:crypto';

const key = process.env.API_KEY;
if (!key) {
  console.error('Set API_KEY to the value of the Authorization header that the messenger sends.');
  process.exit(1);
}
const [host, port] = (process.env.ADDR ?? 'localhost:9021').split(':');
const sent = new Set(); // of those that went out; a real receiver forgets them after a while

// send stands for a provider of text messages.
async function send({ phoneNumber, textMessage }) {
  console.log(`to ${phoneNumber}: ${textMessage}`);
}

const digest = (text) => createHash('sha256').update(text ?? '').digest();

function answer(res, status, code) {
  res.writeHead(status, { 'Content-Type': 'application/json' });
  res.end(code ? JSON.stringify({ errors: [{ code }] }) : '');
}

const server = createServer(async (req, res) => {
  if (req.method !== 'POST' || req.url !== '/message') return answer(res, 404);
  if (!timingSafeEqual(digest(req.headers.authorization), digest(key))) return answer(res, 401, '[notAuthorized]');

  let message;
  try {
    let body = '';
    for await (const chunk of req) {
      body += chunk;
      if (body.length > 64 * 1024) return answer(res, 413, '[tooLarge]');
    }
    message = JSON.parse(body);
  } catch {
    return answer(res, 400, '[invalidMessage]');
  }
  if (!message?.phoneNumber || !message.textMessage) return answer(res, 400, '[invalidMessage]');

  // All attempts for one message have the same key, so that nobody gets it twice because an answer was lost.
  const once = req.headers['idempotency-key'];
  if (once && sent.has(once)) return answer(res, 200);
  try {
    await send(message);
  } catch {
    // 5xx: try again soon, or use the next messenger. A 4xx would say that trying again is no use.
    return answer(res, 502, '[providerFailed]');
  }
  if (once) sent.add(once);
  answer(res, 200); // anything from 200 to 299: it is on its way
});

server.listen(Number(port), host, () => console.log(`waiting for messages on http://${host}:${server.address().port}/message`));
