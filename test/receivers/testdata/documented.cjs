// The two receivers that FusionAuth's documentation shows, a webhook and a generic message receiver, in the words that it has for them: whoever has written theirs after
// it changes nothing for Herald. Around them is what it leaves to the reader: a database of todos, which fails once, and somebody who sends messages.
const express = require('express');

const router = express.Router();
let failures = 1;

const todo = {
  async deleteAll(userId) {
    if (failures-- > 0) throw new Error('the database is down');
    console.log(`deleted the todos of ${userId}`);
  },
};

function _handleDatabaseError(res, err) {
  console.log(`not deleted: ${err.message}`);
  res.sendStatus(500);
}

router.route('/fusionauth-webhook').post((req, res) => {
  const authorization = req.header('Authorization');
  if (authorization !== 'API-KEY') {
    res.status(401).send({
      'errors': [{
        'code': '[notAuthorized]'
      }]
    });
    return;
  }
  const request = req.body;
  if (request.event.type === 'user.delete') {
    todo.deleteAll(request.event.user.id)
      .then(() => {
        res.sendStatus(200);
      })
      .catch(function(err) {
        _handleDatabaseError(res, err);
      });
  }
});

router.route('/fusionauth-generic-messenger').post((req, res) => {
  const authorization = req.header('Authorization');
  if (authorization !== 'API-KEY') {
    res.status(401).send({
      'errors': [{
        'code': '[notAuthorized]'
      }]
    });
  } else {
    console.log(`${req.body.type} to ${req.body.phoneNumber}`);
    res.sendStatus(200);
  }
});

const app = express();
app.use(express.json());
app.use(router);
const server = app.listen(0, '127.0.0.1', () => console.log(`waiting for events on http://127.0.0.1:${server.address().port}`));
