PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE alarm (
    key TEXT PRIMARY KEY, step INTEGER NOT NULL, body TEXT NOT NULL, began_at REAL NOT NULL, over INTEGER NOT NULL);
INSERT INTO "alarm" VALUES('validity_dropped/20/0a1b2c3d',20,'{"key": "validity_dropped/20/0a1b2c3d", "rule": "validity_dropped", "level": "error", "step": 20, "title": "title", "evidence": "evidence", "threshold": "validity_drop = 0.1", "source": "source", "cause": "cause", "fix": "fix", "samples": [0, 1], "uid": "865c2fe0a7c6e5c3180a", "cleared_step": null, "active": true}',1700000090.0,0);
INSERT INTO "alarm" VALUES('overfitting/30/4e5f6071',30,'{"key": "overfitting/30/4e5f6071", "rule": "overfitting", "level": "warn", "step": 30, "title": "title 2", "evidence": "evidence 2", "threshold": "", "source": "", "cause": "cause 2", "fix": "fix 2", "samples": [], "uid": "64d929eb93bcbc1c5ff8", "cleared_step": 40, "active": false}',1700000091.0,1);
CREATE TABLE alert (
    key TEXT PRIMARY KEY, level TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL, created_at REAL NOT NULL,
    raised_at REAL);
INSERT INTO "alert" VALUES('failed/checkpoint-40/dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd/non_finite','warn','Not evaluated (non_finite): checkpoint-40','model.safetensors holds NaN.',1700000087.0,NULL);
INSERT INTO "alert" VALUES('k2','info','t','x',1700000088.0,1700000089.0);
CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, step INTEGER NOT NULL, stamp TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT NOT NULL, base TEXT, final INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT,
    detail TEXT NOT NULL DEFAULT '', digest TEXT, stage TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0, early INTEGER NOT NULL DEFAULT 0, adopted INTEGER NOT NULL DEFAULT 0,
    seen_at REAL NOT NULL, changed_at REAL NOT NULL);
INSERT INTO "checkpoint" VALUES(1,'checkpoint-10',10,'b5d7cbcf8debe5b3','/ckpts/checkpoint-10','full',NULL,0,'published',NULL,'','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','/state/stage/uimon-copy-10-00000000',1,0,0,0,1700000001.0,1700000011.0);
INSERT INTO "checkpoint" VALUES(2,'checkpoint-20',20,'2a1e4bd779cdbbf7','/ckpts/checkpoint-20','full',NULL,0,'evaluated',NULL,'','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','/state/stage/uimon-copy-20-00000000',1,0,0,0,1700000012.0,1700000021.0);
INSERT INTO "checkpoint" VALUES(3,'checkpoint-30',30,'fe148a8fd6d59d28','/ckpts/checkpoint-30','adapter','org/base',0,'evaluated',NULL,'','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','/state/stage/uimon-copy-30-00000000',1,0,0,0,1700000022.0,1700000031.0);
INSERT INTO "checkpoint" VALUES(4,'checkpoint-40',40,'276644b7034de230','/ckpts/checkpoint-40','full',NULL,0,'failed','non_finite','model.safetensors holds NaN.','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','/state/stage/uimon-copy-40-00000000',1,0,0,0,1700000032.0,1700000039.0);
INSERT INTO "checkpoint" VALUES(5,'checkpoint-50',50,'ccbc93cb1a29e791','/ckpts/checkpoint-50','full',NULL,0,'complete',NULL,'',NULL,NULL,0,1,0,0,1700000040.0,1700000119.0);
INSERT INTO "checkpoint" VALUES(6,'checkpoint-60',60,'3ac5e6574cb0f9fa','/ckpts/checkpoint-60','full',NULL,0,'evaluating',NULL,'','6666666666666666666666666666666666666666666666666666666666666666','/state/stage/uimon-copy-60-00000000',1,0,0,0,1700000046.0,1700000052.0);
INSERT INTO "checkpoint" VALUES(7,'checkpoint-70',70,'4d8c8071c556c04f','/ckpts/checkpoint-70','full',NULL,0,'staged',NULL,'','7777777777777777777777777777777777777777777777777777777777777777','/state/stage/uimon-copy-70-00000000',0,0,0,0,1700000053.0,1700000058.0);
INSERT INTO "checkpoint" VALUES(8,'checkpoint-80',80,'aadc6091df9cdc33','/ckpts/checkpoint-80','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000059.0,1700000060.0);
INSERT INTO "checkpoint" VALUES(9,'checkpoint-90',90,'c30fe2a863b47aa4','/ckpts/checkpoint-90','full',NULL,0,'skipped','deleted','its directory was deleted before it was read',NULL,NULL,0,0,0,0,1700000064.0,1700000068.0);
INSERT INTO "checkpoint" VALUES(10,'checkpoint-100',100,'504ba3af7bbe6b4f','/ckpts/checkpoint-100','full',NULL,0,'failed','pickle_weights','pytorch_model.bin is a pickle.',NULL,NULL,0,0,0,0,1700000066.0,1700000067.0);
INSERT INTO "checkpoint" VALUES(11,'checkpoint-10',10,'c10608c9c6986f6a','/ckpts/checkpoint-10','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000069.0,1700000070.0);
INSERT INTO "checkpoint" VALUES(12,'checkpoint-110',110,'69a3d57cea1c0388','/ckpts/checkpoint-110','full',NULL,0,'staged','engine_died','The engine died.','eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','/state/stage/uimon-copy-110-00000000',1,0,0,0,1700000072.0,1700000079.0);
INSERT INTO "checkpoint" VALUES(13,'checkpoint-300',300,'db59ef7a12075a86','/ckpts/checkpoint-300','full',NULL,1,'complete',NULL,'',NULL,NULL,0,0,0,0,1700000080.0,1700000081.0);
INSERT INTO "checkpoint" VALUES(14,'checkpoint-130',130,'da4d2fb52115283a','/ckpts/checkpoint-130','full',NULL,0,'staged',NULL,'','ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff','/state/stage/uimon-copy-130-00000000',0,0,1,0,1700000099.0,1700000101.0);
INSERT INTO "checkpoint" VALUES(15,'checkpoint-140',140,'227505e99bf4ddbf','/ckpts/checkpoint-140','full',NULL,0,'skipped','earlier_run','another training',NULL,NULL,0,0,0,0,1700000102.0,1700000107.0);
INSERT INTO "checkpoint" VALUES(16,'checkpoint-150',150,'3d56b23e9c70b6b8','/ckpts/checkpoint-150','full',NULL,0,'complete',NULL,'',NULL,NULL,0,0,0,1,1700000108.0,1700000109.0);
INSERT INTO "checkpoint" VALUES(17,'checkpoint-95',95,'1bfd028b51983fca','/ckpts/checkpoint-95','full',NULL,0,'seen','weights_missing','There is no model.safetensors yet.',NULL,NULL,0,0,0,0,1700000115.0,1700000116.0);
CREATE TABLE evaluation (
    uid TEXT PRIMARY KEY, checkpoint INTEGER NOT NULL REFERENCES checkpoint (id), suite TEXT NOT NULL,
    metrics TEXT NOT NULL, at REAL NOT NULL, exported INTEGER NOT NULL DEFAULT 0, origin TEXT);
INSERT INTO "evaluation" VALUES('cb17c70d58e94d041a85',1,'52cda82bcc59f76f','{"eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000010.0,1,NULL);
INSERT INTO "evaluation" VALUES('865c2fe0a7c6e5c3180a',2,'52cda82bcc59f76f','{"eval/perplexity": 3.3, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000020.0,1,NULL);
INSERT INTO "evaluation" VALUES('64d929eb93bcbc1c5ff8',3,'52cda82bcc59f76f','{"eval/perplexity": 3.2, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5, "eval/color_entropy": null}',1600000030.0,0,NULL);
INSERT INTO "evaluation" VALUES('01aca4fa079ffcd9c6eb',1,'5568fbeb1f434bac','{"eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 1.0, "eval/color_entropy": null}',1600000400.0,0,'cb17c70d58e94d041a85');
CREATE TABLE found (uid TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (uid, target));
INSERT INTO "found" VALUES('2dad80f37efd5e9f86e9','run');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('run','run');
INSERT INTO "meta" VALUES('project','p');
INSERT INTO "meta" VALUES('entity','e');
INSERT INTO "meta" VALUES('wandb','auto');
INSERT INTO "meta" VALUES('surveyed run','yes');
INSERT INTO "meta" VALUES('log signs','[["zero_loss", 100, "The loss is 0.", null]]');
CREATE TABLE non_finite_loss (step INTEGER PRIMARY KEY, loss TEXT NOT NULL);
INSERT INTO "non_finite_loss" VALUES(115,'nan');
INSERT INTO "non_finite_loss" VALUES(116,'inf');
CREATE TABLE notice (
    alarm TEXT NOT NULL REFERENCES alarm (key), channel TEXT NOT NULL, event TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0, done_at REAL, error TEXT,
    PRIMARY KEY (alarm, channel, event));
INSERT INTO "notice" VALUES('validity_dropped/20/0a1b2c3d','log','raised',1,0.0,1700000093.0,NULL);
INSERT INTO "notice" VALUES('overfitting/30/4e5f6071','log','raised',1,0.0,1700000094.0,NULL);
INSERT INTO "notice" VALUES('validity_dropped/20/0a1b2c3d','webhook','raised',1,1700000156.0,NULL,'no answer');
INSERT INTO "notice" VALUES('overfitting/30/4e5f6071','webhook','raised',0,0.0,NULL,NULL);
INSERT INTO "notice" VALUES('validity_dropped/20/0a1b2c3d','command','raised',1,0.0,1700000098.0,'it ended with 1');
INSERT INTO "notice" VALUES('overfitting/30/4e5f6071','command','raised',0,0.0,NULL,NULL);
INSERT INTO "notice" VALUES('overfitting/30/4e5f6071','log','cleared',0,0.0,NULL,NULL);
INSERT INTO "notice" VALUES('overfitting/30/4e5f6071','webhook','cleared',0,0.0,NULL,NULL);
CREATE TABLE outbox (
    uid TEXT NOT NULL REFERENCES row (uid), target TEXT NOT NULL, kind TEXT NOT NULL, step INTEGER NOT NULL,
    mark INTEGER, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, published_at REAL,
    copies INTEGER NOT NULL DEFAULT 1, UNIQUE (uid, target));
INSERT INTO "outbox" VALUES('2dad80f37efd5e9f86e9','run','train',9,NULL,0,NULL,1700000004.0,1);
INSERT INTO "outbox" VALUES('0be8032bd83ef3b0b395','run','train',10,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('cb17c70d58e94d041a85','run','eval',10,3,1,NULL,1700000011.0,2);
INSERT INTO "outbox" VALUES('36bd2bb486b5cecd83e5','run','train',19,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('b83ca9f7bc62efef3710','run','train',20,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('865c2fe0a7c6e5c3180a','run','eval',20,5,2,NULL,NULL,1);
INSERT INTO "outbox" VALUES('41328b2f622df67bcb1f','run','train',29,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('0b2d05cbbbaff80b9501','run','train',30,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('64d929eb93bcbc1c5ff8','run','eval',30,NULL,0,'deferred',NULL,1);
INSERT INTO "outbox" VALUES('f7fd28040f56ed4f1120','run','train',39,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('641481334c6db0a5c3f2','run','train',40,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5012571e7f763f5800f4','run','train',49,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('688214b8ff97c073539c','run','train',50,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('a19d0ad366f554b0f5f4','run','train',59,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('734faecefae885bc30b5','run','train',60,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('1a6091fc07eec2104c3b','run','train',69,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('8188ae41a251a8982450','run','train',70,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5a0c0c4f0d67da79baae','run','train',79,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('0050d4a59f2c1cdd5c2e','run','train',80,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('21abc105643cd95a07f1','run','train',109,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('d5fdb560b5ab6a22c2b9','run','train',110,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('32c17b0ea7ce38f7cf2b','run','train',299,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5356987aa7156b7bcb42','run','train',300,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('0050d4a59f2c1cdd5c2e','companion','train',80,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('0b2d05cbbbaff80b9501','companion','train',30,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('0be8032bd83ef3b0b395','companion','train',10,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('1a6091fc07eec2104c3b','companion','train',69,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('21abc105643cd95a07f1','companion','train',109,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('32c17b0ea7ce38f7cf2b','companion','train',299,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('36bd2bb486b5cecd83e5','companion','train',19,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('41328b2f622df67bcb1f','companion','train',29,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5012571e7f763f5800f4','companion','train',49,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5356987aa7156b7bcb42','companion','train',300,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5a0c0c4f0d67da79baae','companion','train',79,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('641481334c6db0a5c3f2','companion','train',40,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('64d929eb93bcbc1c5ff8','companion','eval',30,NULL,0,NULL,1700000086.0,1);
INSERT INTO "outbox" VALUES('688214b8ff97c073539c','companion','train',50,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('734faecefae885bc30b5','companion','train',60,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('8188ae41a251a8982450','companion','train',70,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('865c2fe0a7c6e5c3180a','companion','eval',20,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('a19d0ad366f554b0f5f4','companion','train',59,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('b83ca9f7bc62efef3710','companion','train',20,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('d5fdb560b5ab6a22c2b9','companion','train',110,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('f7fd28040f56ed4f1120','companion','train',39,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('47e0e3dc0fe703293dca','run','train',139,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('41736bb0adcdff45fc38','run','train',140,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('2489ebe3094d01c87705','run','train',149,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('5969830944cfb86c3646','run','train',150,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('01aca4fa079ffcd9c6eb','run','eval',10,NULL,0,NULL,NULL,1);
INSERT INTO "outbox" VALUES('1c531d1b4e9dc1b43bf9','run','train',120,NULL,0,NULL,NULL,1);
CREATE TABLE row (
    uid TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL, body TEXT NOT NULL, created_at REAL NOT NULL);
INSERT INTO "row" VALUES('2dad80f37efd5e9f86e9','train',9,'{"values": {"train/global_step": 9, "train/perplexity": 2.718281828459045, "train/uid": "2dad80f37efd5e9f86e9"}, "table": null}',1700000003.0);
INSERT INTO "row" VALUES('0be8032bd83ef3b0b395','train',10,'{"values": {"train/global_step": 10, "train/perplexity": 1.6487212707001282, "train/uid": "0be8032bd83ef3b0b395"}, "table": null}',1700000003.0);
INSERT INTO "row" VALUES('cb17c70d58e94d041a85','eval',10,'{"values": {"train/global_step": 10, "eval/uid": "cb17c70d58e94d041a85", "eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5}, "table": {"columns": ["step", "prompt"], "rows": [[10, "page 0"], [10, "page 1"]]}}',1700000008.0);
INSERT INTO "row" VALUES('36bd2bb486b5cecd83e5','train',19,'{"values": {"train/global_step": 19, "train/perplexity": 2.718281828459045, "train/uid": "36bd2bb486b5cecd83e5"}, "table": null}',1700000014.0);
INSERT INTO "row" VALUES('b83ca9f7bc62efef3710','train',20,'{"values": {"train/global_step": 20, "train/perplexity": 1.6487212707001282, "train/uid": "b83ca9f7bc62efef3710"}, "table": null}',1700000014.0);
INSERT INTO "row" VALUES('865c2fe0a7c6e5c3180a','eval',20,'{"values": {"train/global_step": 20, "eval/uid": "865c2fe0a7c6e5c3180a", "eval/perplexity": 3.3, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5}, "table": {"columns": ["step", "prompt"], "rows": [[20, "page 0"], [20, "page 1"]]}}',1700000019.0);
INSERT INTO "row" VALUES('41328b2f622df67bcb1f','train',29,'{"values": {"train/global_step": 29, "train/perplexity": 2.718281828459045, "train/uid": "41328b2f622df67bcb1f"}, "table": null}',1700000024.0);
INSERT INTO "row" VALUES('0b2d05cbbbaff80b9501','train',30,'{"values": {"train/global_step": 30, "train/perplexity": 1.6487212707001282, "train/uid": "0b2d05cbbbaff80b9501"}, "table": null}',1700000024.0);
INSERT INTO "row" VALUES('64d929eb93bcbc1c5ff8','eval',30,'{"values": {"train/global_step": 30, "eval/uid": "64d929eb93bcbc1c5ff8", "eval/perplexity": 3.2, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5}, "table": {"columns": ["step", "prompt"], "rows": [[30, "page 0"], [30, "page 1"]]}}',1700000029.0);
INSERT INTO "row" VALUES('f7fd28040f56ed4f1120','train',39,'{"values": {"train/global_step": 39, "train/perplexity": 2.718281828459045, "train/uid": "f7fd28040f56ed4f1120"}, "table": null}',1700000034.0);
INSERT INTO "row" VALUES('641481334c6db0a5c3f2','train',40,'{"values": {"train/global_step": 40, "train/perplexity": 1.6487212707001282, "train/uid": "641481334c6db0a5c3f2"}, "table": null}',1700000034.0);
INSERT INTO "row" VALUES('5012571e7f763f5800f4','train',49,'{"values": {"train/global_step": 49, "train/perplexity": 2.718281828459045, "train/uid": "5012571e7f763f5800f4"}, "table": null}',1700000042.0);
INSERT INTO "row" VALUES('688214b8ff97c073539c','train',50,'{"values": {"train/global_step": 50, "train/perplexity": 1.6487212707001282, "train/uid": "688214b8ff97c073539c"}, "table": null}',1700000042.0);
INSERT INTO "row" VALUES('a19d0ad366f554b0f5f4','train',59,'{"values": {"train/global_step": 59, "train/perplexity": 2.718281828459045, "train/uid": "a19d0ad366f554b0f5f4"}, "table": null}',1700000048.0);
INSERT INTO "row" VALUES('734faecefae885bc30b5','train',60,'{"values": {"train/global_step": 60, "train/perplexity": 1.6487212707001282, "train/uid": "734faecefae885bc30b5"}, "table": null}',1700000048.0);
INSERT INTO "row" VALUES('1a6091fc07eec2104c3b','train',69,'{"values": {"train/global_step": 69, "train/perplexity": 2.718281828459045, "train/uid": "1a6091fc07eec2104c3b"}, "table": null}',1700000055.0);
INSERT INTO "row" VALUES('8188ae41a251a8982450','train',70,'{"values": {"train/global_step": 70, "train/perplexity": 1.6487212707001282, "train/uid": "8188ae41a251a8982450"}, "table": null}',1700000055.0);
INSERT INTO "row" VALUES('5a0c0c4f0d67da79baae','train',79,'{"values": {"train/global_step": 79, "train/perplexity": 2.718281828459045, "train/uid": "5a0c0c4f0d67da79baae"}, "table": null}',1700000061.0);
INSERT INTO "row" VALUES('0050d4a59f2c1cdd5c2e','train',80,'{"values": {"train/global_step": 80, "train/perplexity": 1.6487212707001282, "train/uid": "0050d4a59f2c1cdd5c2e"}, "table": null}',1700000061.0);
INSERT INTO "row" VALUES('21abc105643cd95a07f1','train',109,'{"values": {"train/global_step": 109, "train/perplexity": 2.718281828459045, "train/uid": "21abc105643cd95a07f1"}, "table": null}',1700000074.0);
INSERT INTO "row" VALUES('d5fdb560b5ab6a22c2b9','train',110,'{"values": {"train/global_step": 110, "train/perplexity": 1.6487212707001282, "train/uid": "d5fdb560b5ab6a22c2b9"}, "table": null}',1700000074.0);
INSERT INTO "row" VALUES('32c17b0ea7ce38f7cf2b','train',299,'{"values": {"train/global_step": 299, "train/perplexity": 2.718281828459045, "train/uid": "32c17b0ea7ce38f7cf2b"}, "table": null}',1700000082.0);
INSERT INTO "row" VALUES('5356987aa7156b7bcb42','train',300,'{"values": {"train/global_step": 300, "train/perplexity": 1.6487212707001282, "train/uid": "5356987aa7156b7bcb42"}, "table": null}',1700000082.0);
INSERT INTO "row" VALUES('47e0e3dc0fe703293dca','train',139,'{"values": {"train/global_step": 139, "train/perplexity": 2.718281828459045, "train/uid": "47e0e3dc0fe703293dca"}, "table": null}',1700000104.0);
INSERT INTO "row" VALUES('41736bb0adcdff45fc38','train',140,'{"values": {"train/global_step": 140, "train/perplexity": 1.6487212707001282, "train/uid": "41736bb0adcdff45fc38"}, "table": null}',1700000104.0);
INSERT INTO "row" VALUES('2489ebe3094d01c87705','train',149,'{"values": {"train/global_step": 149, "train/perplexity": 2.718281828459045, "train/uid": "2489ebe3094d01c87705"}, "table": null}',1700000110.0);
INSERT INTO "row" VALUES('5969830944cfb86c3646','train',150,'{"values": {"train/global_step": 150, "train/perplexity": 1.6487212707001282, "train/uid": "5969830944cfb86c3646"}, "table": null}',1700000110.0);
INSERT INTO "row" VALUES('01aca4fa079ffcd9c6eb','eval',10,'{"values": {"train/global_step": 10, "eval/uid": "01aca4fa079ffcd9c6eb", "eval/perplexity": 3.4, "eval/samples": 2.0, "eval/syntax_validity_rate": 0.5}, "table": {"columns": ["step", "prompt"], "rows": [[10, "page 0"], [10, "page 1"]]}}',1700000113.0);
INSERT INTO "row" VALUES('1c531d1b4e9dc1b43bf9','train',120,'{"values": {"train/global_step": 120, "train/perplexity": 1.2840254166877414, "train/uid": "1c531d1b4e9dc1b43bf9"}, "table": null}',1700000117.0);
CREATE TABLE sample (uid TEXT NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (uid, position));
INSERT INTO "sample" VALUES('cb17c70d58e94d041a85',0,'{"prompt_id": "0", "prompt": "page 0", "completion": "<p class=\"p-4 text-blue-500\">x", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fragment", "soft_issues": 0, "num_colors": 1, "num_classes": 2, "class_tokens": 2, "colors": {"blue-500": 1}, "classes": {"p-4": 1, "text-blue-500": 1}, "shape": [2181537457], "fingerprint": "bbe4ccb97be8d149", "prompt": "", "words": 0, "grams": [], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('cb17c70d58e94d041a85',1,'{"prompt_id": "1", "prompt": "page 1", "completion": "```html\n<main class=\"bg-slate-900\"><h1 class=\"text-rose-500\">\u00fc \ud83d\ude00</h1></main>\n```", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fence", "soft_issues": 0, "num_colors": 2, "num_classes": 2, "class_tokens": 2, "colors": {"rose-500": 1, "slate-900": 1}, "classes": {"bg-slate-900": 1, "text-rose-500": 1}, "shape": [1070144733], "fingerprint": "c565baa2831950a1", "prompt": "", "words": 1, "grams": [618209129], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('865c2fe0a7c6e5c3180a',0,'{"prompt_id": "0", "prompt": "page 0", "completion": "<p class=\"p-4 text-blue-500\">x", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fragment", "soft_issues": 0, "num_colors": 1, "num_classes": 2, "class_tokens": 2, "colors": {"blue-500": 1}, "classes": {"p-4": 1, "text-blue-500": 1}, "shape": [2181537457], "fingerprint": "bbe4ccb97be8d149", "prompt": "", "words": 0, "grams": [], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('865c2fe0a7c6e5c3180a',1,'{"prompt_id": "1", "prompt": "page 1", "completion": "```html\n<main class=\"bg-slate-900\"><h1 class=\"text-rose-500\">\u00fc \ud83d\ude00</h1></main>\n```", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fence", "soft_issues": 0, "num_colors": 2, "num_classes": 2, "class_tokens": 2, "colors": {"rose-500": 1, "slate-900": 1}, "classes": {"bg-slate-900": 1, "text-rose-500": 1}, "shape": [1070144733], "fingerprint": "c565baa2831950a1", "prompt": "", "words": 1, "grams": [618209129], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('64d929eb93bcbc1c5ff8',0,'{"prompt_id": "0", "prompt": "page 0", "completion": "<p class=\"p-4 text-blue-500\">x", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fragment", "soft_issues": 0, "num_colors": 1, "num_classes": 2, "class_tokens": 2, "colors": {"blue-500": 1}, "classes": {"p-4": 1, "text-blue-500": 1}, "shape": [2181537457], "fingerprint": "bbe4ccb97be8d149", "prompt": "", "words": 0, "grams": [], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('64d929eb93bcbc1c5ff8',1,'{"prompt_id": "1", "prompt": "page 1", "completion": "```html\n<main class=\"bg-slate-900\"><h1 class=\"text-rose-500\">\u00fc \ud83d\ude00</h1></main>\n```", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fence", "soft_issues": 0, "num_colors": 2, "num_classes": 2, "class_tokens": 2, "colors": {"rose-500": 1, "slate-900": 1}, "classes": {"bg-slate-900": 1, "text-rose-500": 1}, "shape": [1070144733], "fingerprint": "c565baa2831950a1", "prompt": "", "words": 1, "grams": [618209129], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('01aca4fa079ffcd9c6eb',0,'{"prompt_id": "0", "prompt": "page 0", "completion": "<p class=\"p-4 text-blue-500\">x", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fragment", "soft_issues": 0, "num_colors": 1, "num_classes": 2, "class_tokens": 2, "colors": {"blue-500": 1}, "classes": {"p-4": 1, "text-blue-500": 1}, "shape": [2181537457], "fingerprint": "bbe4ccb97be8d149", "prompt": "", "words": 0, "grams": [], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
INSERT INTO "sample" VALUES('01aca4fa079ffcd9c6eb',1,'{"prompt_id": "1", "prompt": "page 1", "completion": "```html\n<main class=\"bg-slate-900\"><h1 class=\"text-rose-500\">\u00fc \ud83d\ude00</h1></main>\n```", "finish_reason": "stop", "score": {"source": "", "outcome": "valid", "language": "html", "errors": [], "extraction": "fence", "soft_issues": 0, "num_colors": 2, "num_classes": 2, "class_tokens": 2, "colors": {"rose-500": 1, "slate-900": 1}, "classes": {"bg-slate-900": 1, "text-rose-500": 1}, "shape": [1070144733], "fingerprint": "c565baa2831950a1", "prompt": "", "words": 1, "grams": [618209129], "loops": false, "dead_classes": 0, "judged_classes": 2, "extras": {}, "hues": null, "unresolved_colors": 0, "lightness": "", "files": 1, "script_errors": null, "early_errors": null}}');
CREATE TABLE suite (request TEXT PRIMARY KEY, digest TEXT NOT NULL, body TEXT NOT NULL);
INSERT INTO "suite" VALUES('request0123456789','52cda82bcc59f76f','{"context": 128, "dtype": "auto", "engine_args": "--kv-cache-dtype fp8", "prompts": [{"id": "0", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 0", "token_ids": [1, 5]}, {"id": "1", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 1", "token_ids": [1, 6]}, {"id": "2", "prefix_ids": [1, 4], "reference_chars": 4, "reference_ids": [7, 8, 2], "sampled": false, "text": "page 2", "token_ids": [1, 7]}], "sampling": {"max_tokens": 64, "n": 1, "seed": 0, "temperature": 0.7, "top_p": 1.0}, "scorer_version": "3", "skipped": 1, "stop_ids": [2, 3], "template_digest": "template", "tokenizer": {"template": "template", "vocabulary": "vocabulary"}}');
INSERT INTO "suite" VALUES('request0123456780','5568fbeb1f434bac','{"context": 128, "dtype": "auto", "engine_args": "--kv-cache-dtype fp8", "prompts": [{"id": "0", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 0", "token_ids": [1, 5]}, {"id": "1", "reference_chars": 4, "reference_ids": [7, 8, 2], "text": "page 1", "token_ids": [1, 6]}, {"id": "2", "prefix_ids": [1, 4], "reference_chars": 4, "reference_ids": [7, 8, 2], "sampled": false, "text": "page 2", "token_ids": [1, 7]}], "sampling": {"max_tokens": 64, "n": 1, "seed": 0, "temperature": 0.7, "top_p": 1.0}, "scorer_version": "another", "skipped": 1, "stop_ids": [2, 3], "template_digest": "template", "tokenizer": {"template": "template", "vocabulary": "vocabulary"}}');
CREATE INDEX checkpoint_name ON checkpoint (name, id);
CREATE INDEX checkpoint_state ON checkpoint (state, step);
CREATE INDEX evaluation_checkpoint ON evaluation (checkpoint);
CREATE INDEX outbox_due ON outbox (target, published_at, kind, step);
COMMIT;
