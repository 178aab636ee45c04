"""Textbook models, each written once and run with both libraries: from the same weights and data they learn the same.

Only names that both have are used: shapes are tuples, arrays are joined by `concatenate`. (Where NumPy and PyTorch differ, arrays
are NumPy's, modules PyTorch's.)
"""

import copy
import math
import os

import numpy as np
import pytest

import autograd_nn as ag

torch = pytest.importorskip("torch", reason="PyTorch is the judge here")


class Play:
    """One library, and what a program asks of the test: data that are the same for both, and equal beginnings."""

    def __init__(self, library, states, folder):
        self.lib, self.states, self.folder = library, states, folder
        self.rng, self.started = np.random.default_rng(0), 0
        self.out = []

    def data(self, *shape):
        return self.lib.tensor(self.rng.standard_normal(shape))

    def labels(self, high, *shape):
        return self.lib.tensor(self.rng.integers(0, high, shape))

    def start(self, model):
        """The model in double precision, with the weights that PyTorch drew."""
        model = model.double()
        if self.lib is torch:
            self.states.append(copy.deepcopy(model.state_dict()))
        else:
            model.load_state_dict(self.states[self.started])
        self.started += 1
        return model

    def step(self, loss, optimizer):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.out.append(loss.item())


def lenet(p, torch, nn, F, optim):
    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1, self.fc2, self.fc3 = nn.Linear(16 * 5 * 5, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = x.reshape(x.shape[0], -1)
            x = F.relu(self.fc2(F.relu(self.fc1(x))))
            return F.log_softmax(self.fc3(x), dim=1)

    model = p.start(LeNet())
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    x, y = p.data(4, 1, 28, 28), p.labels(10, 4)
    for _ in range(3):
        p.step(F.nll_loss(model(x), y), optimizer)


def resnet(p, torch, nn, F, optim):
    class BasicBlock(nn.Module):
        def __init__(self, inplanes, planes, stride=1, downsample=None):
            super().__init__()
            self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.downsample = downsample

        def forward(self, x):
            identity = x
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            if self.downsample is not None:
                identity = self.downsample(x)
            out += identity
            return self.relu(out)

    down = nn.Sequential(nn.Conv2d(4, 8, 1, stride=2, bias=False), nn.BatchNorm2d(8))
    stem = [nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)]
    layers = [BasicBlock(4, 4), BasicBlock(4, 8, 2, down), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(8, 5)]
    model = p.start(nn.Sequential(*stem, *layers))
    optimizer = optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    x, y = p.data(4, 3, 8, 8), p.labels(5, 4)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(x), y)
        loss.backward()
        p.out.append(nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        scheduler.step()
        p.out += [loss.item(), scheduler.get_last_lr()[0]]
    model.eval()
    p.out.append(model(x).sum().item())


def inception_and_dense_blocks(p, torch, nn, F, optim):
    class Conv(nn.Module):
        def __init__(self, fan_in, fan_out, **kwargs):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(fan_in, fan_out, bias=False, **kwargs), nn.BatchNorm2d(fan_out, eps=0.001)

        def forward(self, x):
            return F.relu(self.bn(self.conv(x)), inplace=True)

    class Inception(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.branch1 = Conv(c, 4, kernel_size=1)
            self.branch2 = nn.Sequential(Conv(c, 3, kernel_size=1), Conv(3, 4, kernel_size=3, padding=1))
            self.branch3 = nn.Sequential(Conv(c, 2, kernel_size=1), Conv(2, 3, kernel_size=5, padding=2))
            pool = nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True)
            self.branch4 = nn.Sequential(pool, Conv(c, 2, kernel_size=1))

        def forward(self, x):
            return torch.concatenate([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)

    class Dense(nn.Module):
        def __init__(self, c, growth, count):
            super().__init__()
            widths = [c + i * growth for i in range(count)]
            layers = [nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, growth, 3, padding=1)) for n in widths]
            self.layers = nn.ModuleList(layers)

        def forward(self, x):
            features = [x]
            for layer in self.layers:
                features.append(layer(torch.concatenate(features, 1)))
            return torch.concatenate(features, 1)

    parts = [Inception(3), Dense(13, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(19, 4)]
    model = p.start(nn.Sequential(*parts))
    optimizer = optim.RMSprop(model.parameters(), lr=1e-3)
    x, y = p.data(3, 3, 7, 7), p.labels(4, 3)
    for _ in range(3):
        p.step(F.cross_entropy(model(x), y), optimizer)


def mobilenet(p, torch, nn, F, optim):
    class ConvBNReLU(nn.Sequential):
        def __init__(self, fan_in, fan_out, kernel=3, stride=1, groups=1):
            conv = nn.Conv2d(fan_in, fan_out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
            super().__init__(conv, nn.BatchNorm2d(fan_out), nn.ReLU6(inplace=True))

    class SqueezeExcite(nn.Module):
        def __init__(self, c):
            super().__init__()
            squeeze = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 2, 1), nn.Hardswish()]
            self.fc = nn.Sequential(*squeeze, nn.Conv2d(c // 2, c, 1), nn.Hardsigmoid())

        def forward(self, x):
            return x * self.fc(x)

    class InvertedResidual(nn.Module):
        def __init__(self, fan_in, fan_out, stride, expand):
            super().__init__()
            width = fan_in * expand
            self.residual = stride == 1 and fan_in == fan_out
            layers = [ConvBNReLU(fan_in, width, kernel=1)] if expand != 1 else []
            layers += [ConvBNReLU(width, width, stride=stride, groups=width), SqueezeExcite(width)]
            layers += [nn.Conv2d(width, fan_out, 1, bias=False), nn.BatchNorm2d(fan_out)]
            self.conv = nn.Sequential(*layers)

        def forward(self, x):
            return x + self.conv(x) if self.residual else self.conv(x)

    body = [ConvBNReLU(3, 4, stride=2), InvertedResidual(4, 4, 1, 2), InvertedResidual(4, 6, 2, 2)]
    model = p.start(nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)))
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    x, y = p.data(3, 3, 8, 8), p.labels(3, 3)
    for _ in range(2):
        p.step(F.cross_entropy(model(x), y), optimizer)


def unet(p, torch, nn, F, optim):
    class DoubleConv(nn.Module):
        def __init__(self, fan_in, fan_out):
            super().__init__()
            first = [nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.BatchNorm2d(fan_out), nn.ReLU(True)]
            second = [nn.Conv2d(fan_out, fan_out, 3, padding=1), nn.GroupNorm(2, fan_out), nn.LeakyReLU(0.2)]
            self.net = nn.Sequential(*first, *second)

        def forward(self, x):
            return self.net(x)

    class UNet(nn.Module):
        def __init__(self, bilinear):
            super().__init__()
            self.inc = DoubleConv(1, 4)
            self.down = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8))
            up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.up = up if bilinear else nn.ConvTranspose2d(8, 8, 2, stride=2)
            self.conv, self.out = DoubleConv(12, 4), nn.Conv2d(4, 1, 1)

        def forward(self, x):
            a = self.inc(x)
            b = self.up(self.down(a))
            dy, dx = a.shape[2] - b.shape[2], a.shape[3] - b.shape[3]
            b = F.pad(b, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
            return self.out(self.conv(torch.concatenate([a, b], 1)))

    for bilinear in (True, False):
        model = p.start(UNet(bilinear))
        optimizer = optim.Adam(model.parameters())
        x, y = p.data(2, 1, 9, 7), p.labels(2, 2, 1, 9, 7) * 1.0
        for _ in range(2):
            logits = model(x)
            share, y = torch.sigmoid(logits), torch.asarray(y, dtype=logits.dtype)
            both = (share * y).sum((1, 2, 3))
            dice = 1 - (2 * both + 1) / (share.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1)
            p.step(F.binary_cross_entropy_with_logits(logits, y) + dice.mean(), optimizer)


def vae(p, torch, nn, F, optim):
    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(20, 16), nn.Linear(16, 3), nn.Linear(16, 3)
            self.fc3, self.fc4 = nn.Linear(3, 16), nn.Linear(16, 20)

        def forward(self, x, noise):
            h = F.relu(self.fc1(x.reshape(-1, 20)))
            mu, logvar = self.fc21(h), self.fc22(h)
            z = mu + noise * torch.exp(0.5 * logvar)
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    model = p.start(VAE())
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x = torch.sigmoid(p.data(6, 4, 5))
    for _ in range(3):
        recon, mu, logvar = model(x, p.data(6, 3))
        bce = F.binary_cross_entropy(recon, x.reshape(-1, 20), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar))
        p.step(bce + kld, optimizer)


def dcgan(p, torch, nn, F, optim):
    def weights_init(m):
        name = m.__class__.__name__
        if name.find("Conv") != -1:
            nn.init.normal_(m.weight.data, 0.0, 0.02)
        elif name.find("BatchNorm") != -1:
            nn.init.normal_(m.weight.data, 1.0, 0.02)
            nn.init.constant_(m.bias.data, 0)

    up = [nn.ConvTranspose2d(5, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True)]
    generator = nn.Sequential(*up, nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False), nn.Tanh())
    normed = nn.utils.parametrizations.spectral_norm
    down = [normed(nn.Conv2d(1, 8, 4, 2, 1, bias=False)), nn.LeakyReLU(0.2, inplace=True)]
    critic = nn.Sequential(*down, nn.Conv2d(8, 1, 4, 1, 0, bias=False), nn.Sigmoid())
    generator.apply(weights_init)
    generator, critic = p.start(generator), p.start(critic)
    criterion = nn.BCELoss()
    of_critic = optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_generator = optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    one, zero = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for _ in range(3):
        critic.zero_grad()
        criterion(critic(p.data(4, 1, 8, 8)).reshape(-1), one).backward()
        fake = generator(p.data(4, 5, 1, 1))
        loss = criterion(critic(fake.detach()).reshape(-1), zero)
        loss.backward()
        of_critic.step()
        generator.zero_grad()
        loss_of_generator = criterion(critic(fake).reshape(-1), one)
        loss_of_generator.backward()
        of_generator.step()
        p.out += [loss.item(), loss_of_generator.item()]


def seq2seq_with_attention(p, torch, nn, F, optim):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(9, 6, padding_idx=0)
            self.rnn = nn.LSTM(6, 5, bidirectional=True, batch_first=True)
            self.fc = nn.Linear(10, 5)

        def forward(self, x):
            out, (h, _) = self.rnn(self.emb(x))
            return out, torch.tanh(self.fc(torch.concatenate((h[-2, :, :], h[-1, :, :]), 1)))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn, self.v = nn.Linear(15, 5), nn.Linear(5, 1, bias=False)
            self.emb, self.rnn, self.out = nn.Embedding(9, 6), nn.LSTMCell(16, 5), nn.Linear(21, 9)

        def forward(self, y, h, c, encoded, mask):
            e = self.emb(y)
            query = torch.stack([h] * encoded.shape[1], 1)
            energy = self.v(torch.tanh(self.attn(torch.concatenate((query, encoded), 2)))).squeeze(2)
            a = F.softmax(torch.where(mask, energy, -1e10), dim=1)
            w = (a[:, None, :] @ encoded).squeeze(1)
            h, c = self.rnn(torch.concatenate((e, w), 1), (h, c))
            return self.out(torch.concatenate((h, w, e), 1)), h, c

    encoder, decoder = p.start(Encoder()), p.start(Decoder())
    optimizer = optim.NAdam([*encoder.parameters(), *decoder.parameters()])
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    for _ in range(2):
        source, target = p.labels(9, 3, 5), p.labels(9, 3, 4)
        encoded, h = encoder(source)
        c, outs = torch.zeros_like(h), []
        for k in range(target.shape[1] - 1):
            out, h, c = decoder(target[:, k], h, c, encoded, source != 0)
            outs.append(out)
        p.step(criterion(torch.stack(outs, 1).reshape(-1, 9), target[:, 1:].reshape(-1)), optimizer)


def tagger_of_packed_sequences(p, torch, nn, F, optim):
    rnn = nn.utils.rnn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = nn.Embedding(10, 5, padding_idx=0)
            self.lstm = nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True)
            self.fc = nn.Linear(8, 3)

        def forward(self, x, lengths):
            packed = rnn.pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
            out, _ = self.lstm(packed)
            out, _ = rnn.pad_packed_sequence(out, batch_first=True)
            return self.fc(out)

    model = p.start(Tagger())
    optimizer = optim.Adagrad(model.parameters(), lr=0.1)
    lengths = [3, 5, 2]
    for _ in range(2):
        x = rnn.pad_sequence([p.labels(9, n) + 1 for n in lengths], batch_first=True)
        y = rnn.pad_sequence([p.labels(3, n) for n in lengths], batch_first=True, padding_value=-1)
        p.step(F.cross_entropy(model(x, lengths).mT, y, ignore_index=-1), optimizer)


def transformer_classifier(p, torch, nn, F, optim):
    class Classifier(nn.Module):
        def __init__(self, d=8, longest=20):
            super().__init__()
            self.emb = nn.Embedding(12, d, padding_idx=0)
            angle = np.arange(longest)[:, None] * np.exp(np.arange(0, d, 2) * (-math.log(10000.0) / d))
            table = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(1, longest, d)
            self.register_buffer("pe", torch.tensor(table))
            layer = nn.TransformerEncoderLayer(d, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
            self.fc = nn.Linear(d, 3)

        def forward(self, x):
            mask = x == 0
            h = self.emb(x) * math.sqrt(8) + self.pe[:, : x.shape[1]]
            return self.fc(self.encoder(h, src_key_padding_mask=mask)[:, 0])

    model = p.start(Classifier())
    optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=5)
    for _ in range(3):
        x, y = p.labels(12, 4, 6), p.labels(3, 4)
        x[:, 0] = 1
        p.step(F.cross_entropy(model(x), y), optimizer)
        scheduler.step()
        p.out.append(optimizer.param_groups[0]["lr"])


def gpt(p, torch, nn, F, optim):
    class Attention(nn.Module):
        def __init__(self, c, heads, block):
            super().__init__()
            self.c_attn, self.c_proj, self.heads = nn.Linear(c, 3 * c), nn.Linear(c, c), heads
            self.register_buffer("bias", torch.tril(torch.ones((block, block))).reshape(1, 1, block, block))

        def forward(self, x, fast):
            batch, steps, c = x.shape
            parts = [self.c_attn(x)[..., k * c : (k + 1) * c] for k in range(3)]
            q, k, v = [t.reshape(batch, steps, self.heads, c // self.heads).swapaxes(1, 2) for t in parts]
            if fast:
                y = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
            else:
                scores = (q @ k.mT) * (1.0 / math.sqrt(k.shape[-1]))
                scores = scores.masked_fill(self.bias[:, :, :steps, :steps] == 0, float("-inf"))
                y = F.softmax(scores, dim=-1) @ v
            return self.c_proj(y.swapaxes(1, 2).reshape(batch, steps, c))

    class Block(nn.Module):
        def __init__(self, c, heads, block):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(c), Attention(c, heads, block), nn.LayerNorm(c)
            mlp = {"fc": nn.Linear(c, 4 * c), "act": nn.GELU(approximate="tanh"), "proj": nn.Linear(4 * c, c)}
            self.mlp = nn.ModuleDict(mlp)

        def forward(self, x, fast):
            x = x + self.attn(self.ln_1(x), fast)
            return x + self.mlp.proj(self.mlp.act(self.mlp.fc(self.ln_2(x))))

    class GPT(nn.Module):
        def __init__(self, vocabulary=13, c=8, heads=2, block=6, layers=2):
            super().__init__()
            blocks = nn.ModuleList([Block(c, heads, block) for _ in range(layers)])
            embeddings = {"wte": nn.Embedding(vocabulary, c), "wpe": nn.Embedding(block, c)}
            self.transformer = nn.ModuleDict({**embeddings, "h": blocks, "ln_f": nn.LayerNorm(c)})
            self.lm_head = nn.Linear(c, vocabulary, bias=False)
            self.transformer.wte.weight = self.lm_head.weight
            self.apply(self._init_weights)

        def _init_weights(self, module):
            if isinstance(module, (nn.Linear, nn.Embedding)):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                torch.nn.init.zeros_(module.bias)

        def forward(self, tokens, fast=True):
            x = self.transformer.wte(tokens) + self.transformer.wpe(torch.arange(tokens.shape[1]))
            for block in self.transformer.h:
                x = block(x, fast)
            return self.lm_head(self.transformer.ln_f(x))

        @torch.no_grad()
        def generate(self, tokens, count):
            for _ in range(count):
                best = self(tokens[:, -6:])[:, -1, :].argmax(-1)
                tokens = torch.concatenate((tokens, best[:, None]), 1)
            return tokens

    model = p.start(GPT())
    decayed = [w for _, w in model.named_parameters() if w.ndim >= 2]
    others = [w for _, w in model.named_parameters() if w.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
    for k in range(3):
        x, y = p.labels(13, 2, 6), p.labels(13, 2, 6)
        p.step(F.cross_entropy(model(x, fast=k != 1).reshape(-1, 13), y.reshape(-1)), optimizer)
    p.out += model.generate(p.labels(13, 1, 3), 5).tolist()[0]


def target_network(p, torch, nn, F, optim):
    class DQN(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer1, self.layer2 = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            return self.layer2(F.relu(self.layer1(x)))

    policy, target = p.start(DQN()), DQN().double()
    target.load_state_dict(policy.state_dict())
    optimizer = optim.AdamW(policy.parameters(), lr=1e-2, amsgrad=True)
    for _ in range(3):
        state, action, reward, following = p.data(6, 4), p.labels(2, 6), p.data(6), p.data(6, 4)
        done = p.labels(2, 6) == 1
        taken = policy(state)[torch.arange(6), action]
        value = torch.zeros(6, dtype=torch.float64)
        with torch.no_grad():
            q = target(following[~done])
            value[~done] = torch.where(q[:, 0] > q[:, 1], q[:, 0], q[:, 1])
        optimizer.zero_grad()
        loss = nn.SmoothL1Loss()(taken, value * 0.99 + reward)
        loss.backward()
        nn.utils.clip_grad_value_(policy.parameters(), 100)
        optimizer.step()
        p.out.append(loss.item())
        slow, fast = target.state_dict(), policy.state_dict()
        target.load_state_dict({key: 0.05 * fast[key] + 0.95 * slow[key] for key in fast})
    p.out.append(target(p.data(2, 4)).sum().item())


def freezing_and_fine_tuning(p, torch, nn, F, optim):
    model = p.start(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)))
    for w in model.parameters():
        w.requires_grad = False
    model[3] = p.start(nn.Linear(5, 2))
    model[1].eval()
    optimizer = optim.SGD([{"params": model[3].parameters()}], lr=0.1, momentum=0.9)
    average = optim.swa_utils.AveragedModel(model, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(0.9))
    for k in range(4):
        if k == 2:
            for w in model[0].parameters():
                w.requires_grad = True
            optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.01})
        p.step(F.cross_entropy(model(p.data(5, 4)), p.labels(2, 5)), optimizer)
        average.update_parameters(model)
    p.out += [group["lr"] for group in optimizer.param_groups] + [sum(w.requires_grad for w in model.parameters())]
    p.out.append(average(p.data(3, 4)).sum().item())


def checkpoint_and_resume(p, torch, nn, F, optim):
    def fresh():
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1)).double()
        optimizer = optim.Adam(model.parameters(), lr=0.1)
        return model, optimizer, optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor=0.5, patience=0)

    model, optimizer, scheduler = fresh()
    p.start(model)
    loss = None
    path = os.path.join(p.folder, f"{torch.__name__}.pt")
    for epoch in range(6):
        if epoch == 3:
            kept = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "loss": loss}
            torch.save({**kept, "scheduler": scheduler.state_dict()}, path)
            model, optimizer, scheduler = fresh()
            checkpoint = torch.load(path)
            model.load_state_dict(checkpoint["model"])
            optimizer.load_state_dict(checkpoint["optimizer"])
            scheduler.load_state_dict(checkpoint["scheduler"])
            p.out += [checkpoint["epoch"], float(checkpoint["loss"])]
        loss = F.mse_loss(model(p.data(3, 4)), p.data(3, 1))
        p.step(loss, optimizer)
        loss = loss.detach()
        scheduler.step(loss)
        p.out.append(optimizer.param_groups[0]["lr"])


def folds_and_early_stopping(p, torch, nn, F, optim):
    data = ag.data if torch is ag else torch.utils.data
    dataset = data.TensorDataset(p.data(12, 3), p.data(12, 1))
    for fold in range(3):
        model = p.start(nn.Linear(3, 1))
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        held_out = np.arange(12)[fold::3].tolist()
        rest = np.setdiff1d(np.arange(12), held_out).tolist()
        train = data.DataLoader(data.Subset(dataset, rest), batch_size=4, shuffle=False)
        valid = data.DataLoader(data.Subset(dataset, held_out), batch_size=4)
        best, bad, state = float("inf"), 0, None
        for _ in range(6):
            model.train()
            for x, y in train:
                p.step(F.mse_loss(model(x), y), optimizer)
            model.eval()
            with torch.no_grad():
                losses = [F.mse_loss(model(x), y, reduction="sum").item() for x, y in valid]
            loss = sum(losses) / len(valid.dataset)
            if loss < best:
                best, bad, state = loss, 0, copy.deepcopy(model.state_dict())
            else:
                bad += 1
                if bad >= 2:
                    break
        model.load_state_dict(state)
        p.out.append(best)


PROGRAMS = [
    lenet, resnet, inception_and_dense_blocks, mobilenet, unet, vae, dcgan, seq2seq_with_attention, tagger_of_packed_sequences,
    transformer_classifier, gpt, target_network, freezing_and_fine_tuning, checkpoint_and_resume, folds_and_early_stopping,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_it_learns_what_it_learns_in_pytorch(program, tmp_path):
    states, found = [], []
    for library in (torch, ag):
        library.manual_seed(0)
        play = Play(library, states, tmp_path)
        program(play, library, library.nn, library.nn.functional, library.optim)
        found.append(play.out)
    assert len(found[0]) > 1
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-9)
