PRAGMA user_version = 6;
CREATE TABLE alarm (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
INSERT INTO "alarm" VALUES('colors_collapsed/400/3e1c29d2',400,'{"key": "colors_collapsed/400/3e1c29d2", "rule": "colors_collapsed", "level": "error", "step": 400, "title": "The pages have lost their variety of colors", "evidence": "1.01 bits of color entropy at step 400, after 4.29 on average at steps 100 to 300, for the same 64 samples; such a fall comes by chance less than once in a million.", "threshold": "entropy_good = 2, entropy_warn = 3, entropy_drop = 0.5, entropy_collapse = 1.5, least_pages = 16, false_alarms = 1", "source": "s", "cause": "c", "fix": "f", "samples": [44, 49, 61, 1, 2], "uid": "1709c32a5fef925f4897", "cleared_step": 700, "active": false}',1795951639.26816,1);
INSERT INTO "alarm" VALUES('blue_purple_takeover/400/3e1c29d2',400,'{"key": "blue_purple_takeover/400/3e1c29d2", "rule": "blue_purple_takeover", "level": "error", "step": 400, "title": "Blue and purple take over the pages", "evidence": "100 % blue to purple among the hues at step 400, after 26 % on average at steps 100 to 300, for the same 64 samples; such a rise comes by chance less than once in a million.", "threshold": "blue_purple_good = 0.6, blue_purple_warn = 0.5, blue_purple_rise = 0.2, blue_purple_collapse = 0.85, blue_purple_alone = 0.995, least_pages = 16, false_alarms = 1", "source": "s", "cause": "c", "fix": "f", "samples": [0, 1, 2, 3, 4], "uid": "1709c32a5fef925f4897", "cleared_step": 700, "active": false}',1.79595163926818656924e+09,1);
CREATE TABLE alert (
    key TEXT PRIMARY KEY, level TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, created_at REAL NOT NULL,
    raised_at REAL);
INSERT INTO "alert" VALUES('failed/checkpoint-310/72734b1272139d74fc16b9adb69dea344c012d65201cf7c9b8963a0a94d22396/weights_refused','warn','Not evaluated (weights_refused): checkpoint-310','no such tensor a',1.79595163631512284279e+09,1.7959516363393955231e+09);
INSERT INTO "alert" VALUES('failed/checkpoint-320/e172a5b96e09ad8010e8f476b4edc2239eb4f24904938f87f6f69836a7ef1af5/weights_refused','warn','Not evaluated (weights_refused): checkpoint-320','no such tensor b',1.79595163696111059185e+09,1.79595163700087118155e+09);
INSERT INTO "alert" VALUES('colors_collapsed/400/3e1c29d2','error','The pages have lost their variety of colors (step 400)','1.01 bits of color entropy at step 400, after 4.29 on averag',1795951639.26833,1.79595163927504897121e+09);
INSERT INTO "alert" VALUES('blue_purple_takeover/400/3e1c29d2','error','Blue and purple take over the pages (step 400)','100 % blue to purple among the hues at step 400, after 26 % ',1.79595163926836013787e+09,1.795951639275049448e+09);
INSERT INTO "alert" VALUES('colors_collapsed/400/3e1c29d2/over','info','Over: colors_collapsed (step 400)','The pages have lost their variety of colors: this began at s',1.79595164280831718446e+09,NULL);
INSERT INTO "alert" VALUES('blue_purple_takeover/400/3e1c29d2/over','info','Over: blue_purple_takeover (step 400)','Blue and purple take over the pages: this began at step 400 ',1.79595164280834484107e+09,NULL);
INSERT INTO "alert" VALUES('failed/checkpoint-710/e3b0c44298fc1c14/pickle_weights','warn','Not evaluated (pickle_weights): checkpoint-710','checkpoint-710 has its weights in pytorch_model.bin, a pickl',1.79595164404791617389e+09,NULL);
CREATE TABLE answers (uid TEXT PRIMARY KEY REFERENCES evaluation (uid), count INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, adopted INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
INSERT INTO "checkpoint" VALUES(1,'checkpoint-100',100,'29ec193c9d150aa0','/ckpts/checkpoint-100','full',NULL,0,'published',NULL,'','9fbecca58bb40d24991aed6a22164b98700d4fae822018c4ab337d4901df80ee',NULL,1,0,0,0,1.79595163339367341987e+09,1.7959516344907331467e+09);
INSERT INTO "checkpoint" VALUES(2,'checkpoint-200',200,'d0f91b90c09da733','/ckpts/checkpoint-200','full',NULL,0,'published',NULL,'','4b26b1c4285eb552138e1bc9b06bba6fab323c0825ac89ac33d8d82fab1e5354',NULL,1,0,0,0,1.79595163339367341987e+09,1.79595163482348322862e+09);
INSERT INTO "checkpoint" VALUES(3,'checkpoint-300',300,'fbdab6957010ce93','/ckpts/checkpoint-300','full',NULL,0,'published',NULL,'','e55194fe0e4c3b9278e18ea9c60202615194e0e17f73832ac5324e268ad4cb1a',NULL,1,0,0,0,1.79595163339367341987e+09,1.79595163586634206775e+09);
INSERT INTO "checkpoint" VALUES(4,'checkpoint-310',310,'f8c4628dd3e705f7','/ckpts/checkpoint-310','full',NULL,0,'failed','weights_refused','no such tensor a','72734b1272139d74fc16b9adb69dea344c012d65201cf7c9b8963a0a94d22396',NULL,1,0,0,0,1.79595163614695286754e+09,1.79595163627704048161e+09);
INSERT INTO "checkpoint" VALUES(5,'checkpoint-320',320,'458525ca29eceea4','/ckpts/checkpoint-320','full',NULL,0,'failed','weights_refused','no such tensor b','e172a5b96e09ad8010e8f476b4edc2239eb4f24904938f87f6f69836a7ef1af5',NULL,1,0,0,0,1.79595163680131268508e+09,1.79595163691702556607e+09);
INSERT INTO "checkpoint" VALUES(6,'checkpoint-400',400,'a1ff5736cf7dbe3d','/ckpts/checkpoint-400','full',NULL,0,'published',NULL,'','0edf9c3ad803b8bc4965bf85fb93e65aba7083e778aefd66a87566cdac8d9df2',NULL,1,0,0,0,1795951637.61169,1.79595163856247138972e+09);
INSERT INTO "checkpoint" VALUES(7,'checkpoint-500',500,'80a28559617f4bd7','/ckpts/checkpoint-500','full',NULL,0,'published',NULL,'','4532e241687051b5c5032c0d57954cbcc8817b89cd93bf74e9375f6cc67c06dc',NULL,1,0,0,0,1795951637.61169,1.79595163897294187544e+09);
INSERT INTO "checkpoint" VALUES(8,'checkpoint-600',600,'2c285b97ce9d6caa','/ckpts/checkpoint-600','full',NULL,0,'published',NULL,'','991b6425281c2a141904532d606871d1e82a0ff6b3ce0d5ef18aea22800f5c90',NULL,1,0,0,0,1.795951640139264822e+09,1.79595164087462973593e+09);
INSERT INTO "checkpoint" VALUES(9,'checkpoint-700',700,'229083c03675d896','/ckpts/checkpoint-700','full',NULL,0,'evaluated',NULL,'','482587f9cc9bd7a9c7032528e2cafa67059bb03d9fe8fbcec9ac578ecffafe50',NULL,1,0,0,0,1.795951641187458992e+09,1.79595164241119909292e+09);
INSERT INTO "checkpoint" VALUES(10,'checkpoint-710',710,'e3b0c44298fc1c14','/ckpts/checkpoint-710','full',NULL,0,'failed','pickle_weights','checkpoint-710 has its weights in pytorch_model.bin, a pickle, which is refused because reading one can run code: train with `save_safetensors=True`, or load it where you trust it and call `save_pretrained(..., safe_serialization=True)` into a new directory.',NULL,NULL,0,0,0,0,1.79595164390128207211e+09,1.79595164402981114382e+09);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0, origin TEXT);
INSERT INTO "evaluation" VALUES('289ee6f8ee1b6f1dc223',1,'d4b6fe31a3f77831','{}',1.7959516343556096554e+09,1,NULL);
INSERT INTO "evaluation" VALUES('28ea6d330aa4dc4c510c',2,'d4b6fe31a3f77831','{}',1.79595163462305068969e+09,1,NULL);
INSERT INTO "evaluation" VALUES('2f17382b7c38b09b0fd3',3,'d4b6fe31a3f77831','{}',1.7959516357097587585e+09,1,NULL);
INSERT INTO "evaluation" VALUES('1709c32a5fef925f4897',6,'d4b6fe31a3f77831','{}',1.79595163834840893749e+09,1,NULL);
INSERT INTO "evaluation" VALUES('4d75c5f5ef867e65e395',7,'d4b6fe31a3f77831','{}',1.79595163879591465001e+09,1,NULL);
INSERT INTO "evaluation" VALUES('044687c58919be3a2c55',8,'d4b6fe31a3f77831','{}',1.79595164074569630619e+09,1,NULL);
INSERT INTO "evaluation" VALUES('562f12db75fac6cf1220',9,'d4b6fe31a3f77831','{}',1.79595164226024127003e+09,1,NULL);
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('watched','[[1795951633.6008036, 1795951644.6150239]]');
CREATE TABLE non_finite_loss (step INTEGER PRIMARY KEY, loss TEXT NOT NULL);
CREATE TABLE notice (
    alarm TEXT NOT NULL REFERENCES alarm (key), channel TEXT NOT NULL, event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (alarm, channel, event));
INSERT INTO "notice" VALUES('colors_collapsed/400/3e1c29d2','webhook','raised',1,0.0,1.79595163980475497249e+09,NULL);
INSERT INTO "notice" VALUES('blue_purple_takeover/400/3e1c29d2','webhook','raised',1,0.0,1.79595164004688906669e+09,NULL);
INSERT INTO "notice" VALUES('colors_collapsed/400/3e1c29d2','command','raised',1,0.0,1.79595164009149074551e+09,NULL);
INSERT INTO "notice" VALUES('blue_purple_takeover/400/3e1c29d2','command','raised',1,0.0,1.79595164009225106236e+09,NULL);
INSERT INTO "notice" VALUES('colors_collapsed/400/3e1c29d2','webhook','cleared',2,1.79595165024288868898e+09,NULL,'The webhook at 127.0.0.1 did not take alarm colors_collapsed/400/3e1c29d2 (HTTP 503).');
INSERT INTO "notice" VALUES('blue_purple_takeover/400/3e1c29d2','webhook','cleared',1,1.79595164488110613817e+09,NULL,'The webhook at 127.0.0.1 did not take alarm blue_purple_takeover/400/3e1c29d2 (HTTP 503).');
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, sent_first REAL, sent_last REAL, looks INTEGER NOT NULL DEFAULT 0,
    look_at REAL, UNIQUE (uid, target));
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE seal (name TEXT PRIMARY KEY, total INTEGER NOT NULL);
CREATE TABLE sighting (
    name TEXT PRIMARY KEY, step INTEGER NOT NULL, mark TEXT NOT NULL, written REAL NOT NULL, training TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE summary (uid TEXT PRIMARY KEY, version TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
CREATE INDEX checkpoint_final ON checkpoint (seen_at) WHERE final;
