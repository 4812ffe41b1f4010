"""Solves: output_size.

Loops: conv2d, max_pool2d.
"""

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k<1 or s<1 or d<1 or p<0:
        raise ValueError("wrong parameter")
    result = (n+2*p-d*(k-1)-1)//s+1
    if result<1:
        raise ValueError("window does not fit")
    return result

# %%
# i know this is slow but it works!!
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh,sw=pair(stride)
    ph,pw=pair(padding)
    dh,dw=pair(dilation)
    N,C,H,W=x.shape
    Cout,Cin,kh,kw=w.shape
    if C!=Cin:
        raise ValueError("channels dont match")
    Hout=output_size(H,kh,sh,ph,dh)
    Wout=output_size(W,kw,sw,pw,dw)
    xp=F.pad(x,(pw,pw,ph,ph))
    rows=[]
    for u in range(Hout):
        row=[]
        for v in range(Wout):
            patch=xp[:,:,u*sh:u*sh+dh*(kh-1)+1:dh,v*sw:v*sw+dw*(kw-1)+1:dw]
            row.append((patch[:,None]*w[None]).sum(dim=(2,3,4)))
        rows.append(torch.stack(row,dim=-1))
    y=torch.stack(rows,dim=-2)
    if b is not None:
        y=y+b[None,:,None,None]
    return y

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh,kw=pair(kernel_size)
    if stride is None:
        stride=kernel_size
    sh,sw=pair(stride)
    ph,pw=pair(padding)
    if ph>kh/2 or pw>kw/2:
        raise ValueError("too much padding")
    N,C,H,W=x.shape
    Hout=output_size(H,kh,sh,ph)
    Wout=output_size(W,kw,sw,pw)
    values=torch.zeros(N,C,Hout,Wout,dtype=x.dtype)
    indices=torch.zeros(N,C,Hout,Wout,dtype=torch.int64)
    for u in range(Hout):
        for v in range(Wout):
            top=max(u*sh-ph,0)
            left=max(v*sw-pw,0)
            bottom=min(u*sh-ph+kh,H)
            right=min(v*sw-pw+kw,W)
            patch=x[:,:,top:bottom,left:right]
            m,idx=patch.flatten(2).max(dim=2)
            values[:,:,u,v]=m
            width=right-left
            indices[:,:,u,v]=(top+idx//width)*W+left+idx%width
    return values,indices
